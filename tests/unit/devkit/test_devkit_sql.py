"""SQL over the lake: what DuckDB sees, what Athena is asked, and what people are told."""

from __future__ import annotations

import csv
import gzip
import io
import json

import boto3
import pytest
from devkit.errors import DevkitError, UsageError
from devkit.screen import Screen
from devkit.sql import athena, duck
from devkit.sql.answers import Rows
from devkit.sql.files import LakeFolder, Scope
from fakes.moto_aws import moto_account
from moto import mock_aws
from rich.console import Console
from servery.domain.lake import CompactionPlan, day_prefix, plan_key

DAY, OTHER = "2026-03-01", "2026-02-28"
IRIS = Scope(["iris"], [OTHER, DAY])
ALL = Scope([], [OTHER, DAY])


@pytest.fixture
def s3(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def put(s3):
    def put(table, *lines, model="iris", day=DAY, name="a", folder=None):
        said = [{"model": model, "day": day, **line} for line in lines]
        body = "".join(json.dumps(line) + "\n" for line in said).encode()
        content = gzip.compress(body) if name.endswith(".gz") else body
        key = (folder or day_prefix(table, model, day)) + name
        s3.put_object(Bucket="lake", Key=key, Body=content)
        return key

    return put


@pytest.fixture
def ask(s3, tmp_path):
    def ask(sql, scope=IRIS, limit=100):
        files = LakeFolder(s3, "lake", tmp_path / "lake").fetch(scope)
        return duck.query(sql, files, scope, limit=limit)

    return ask


def a_prediction(number=0, **changes):
    values = {
        "schema": 2,
        "request_id": f"r-{number}",
        "time": f"{DAY}T12:00:0{number}.000Z",
        "status": 200,
        "latency_ms": 1.5,
        "input": {"records": [{"age": 30}]},
        "hashed": ["input.zip"],
    }
    return values | changes


def test_requests_have_labels_and_events_when_they_were_told(put, ask):
    put("predictions", a_prediction(0), a_prediction(1, status=422), name="a.json.gz")
    put("predictions", a_prediction(0), name="again")
    label = {"request_id": "r-0", "row": 0, "label": "setosa", "time": "1"}
    put("labels", label, {**label, "row": 1, "label": 2}, model="unknown")
    put("labels", {**label, "label": "virginica", "time": "2"}, name="corrected")
    event = {"request_id": "r-0", "name": "bought", "row": None, "value": 2.5, "time": "3"}
    put("events", event, event, {**event, "name": "seen", "time": "1"})
    found = ask("SELECT request_id, status, labels, events FROM requests ORDER BY request_id")
    assert found.plain() == [
        {
            "request_id": "r-0",
            "status": 200,
            "labels": ["virginica", "2"],
            "events": ["seen", "bought"],
        },
        {"request_id": "r-1", "status": 422, "labels": None, "events": None},
    ]


def test_fields_of_documents_can_be_asked_for(put, ask):
    put("predictions", a_prediction(0))
    assert ask("SELECT input->'records'->0->>'age', hashed[1] FROM predictions").rows == [
        ("30", "input.zip")
    ]


def test_older_lines_have_null_when_a_column_came_later(put, ask):
    old = a_prediction(0, schema=1)
    del old["hashed"]
    put("predictions", old, a_prediction(1, schema=9, brand_new=True))
    found = ask('SELECT "schema", hashed FROM predictions ORDER BY 1')
    assert found.rows == [(1, None), (9, ["input.zip"])]


@pytest.mark.parametrize(("scope", "count"), [(IRIS, 2), (ALL, 3), (Scope(["wine"], [DAY]), 1)])
def test_only_what_is_of_the_scope_is_seen(put, ask, scope, count):
    put("predictions", a_prediction(0))
    put("predictions", a_prediction(1), day=OTHER)
    put("predictions", a_prediction(2), model="wine")
    put("predictions", a_prediction(3), day="2026-01-01")
    assert ask("SELECT count(*) FROM predictions", scope).rows == [(count,)]


def test_lines_are_found_when_the_stream_takes_its_prefix_as_it_is_written(put, ask):
    folder = "predictions/model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/"
    put("predictions", a_prediction(0), folder=folder)
    put("predictions", a_prediction(1), folder=folder, name="b", model="wine")
    assert ask("SELECT request_id FROM predictions").rows == [("r-0",)]


def test_each_line_is_seen_once_when_objects_are_being_compacted(s3, put, ask):
    source = put("predictions", a_prediction(0))
    assert ask("SELECT count(*) FROM predictions").rows == [(1,)]
    output = put("predictions", a_prediction(0), name="compacted-1.json.gz")
    plan = json.dumps({"outputs": {output: [source]}})
    s3.put_object(Bucket="lake", Key=plan_key(day_prefix("predictions", "iris", DAY), 1), Body=plan)
    assert CompactionPlan(outputs={output: [source]})
    assert ask("SELECT count(*) FROM predictions").rows == [(1,)]


def test_nothing_is_fetched_twice_when_it_is_asked_again(s3, put, ask):
    put("predictions", a_prediction(0))
    ask("SELECT 1 FROM predictions")
    s3.put_object(Bucket="lake", Key=day_prefix("predictions", "iris", DAY) + "a", Body=b"other")
    assert ask("SELECT count(*) FROM predictions").rows == [(1,)]


def test_there_is_a_word_on_more_when_there_are_more_than_asked_for(put, ask):
    put("predictions", *(a_prediction(n) for n in range(5)))
    found = ask("SELECT request_id FROM predictions ORDER BY 1", limit=2)
    assert (len(found.rows), found.more) == (2, True)
    console = Console(file=io.StringIO(), width=100)
    found.show(Screen(console=console))
    assert "--limit" in console.file.getvalue()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT statu FROM requests", "statu"),
        ("SELECT 1 FROM request", "request"),
        ("SELEC 1", "syntax"),
        ("SELECT * FROM read_csv('/etc/passwd')", "nothing else"),
        ("SELECT * FROM '/etc/passwd'", ""),
        ("COPY predictions TO '/tmp/x.csv'", "nothing else"),
        ("SET enable_external_access = true", ""),
        ("INSTALL httpfs", ""),
    ],
)
def test_told_what_there_is_when_a_query_cannot_be_answered(ask, sql, said):
    with pytest.raises(DevkitError, match=said) as caught:
        ask(sql)
    assert any("latency_ms" in line for line in caught.value.details)


def test_values_stay_values_when_they_become_csv():
    text = Rows(["a", "b"], [(1, None), ('x "y", z', 2.5)]).csv()
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], ["1", ""], ['x "y", z', "2.5"]]


class TestAthena:
    def test_same_tables_are_seen_when_it_is_asked(self):
        sql = athena.wrapped("SELECT 1 FROM requests;", "servery", IRIS)
        assert (
            "labels AS (SELECT * FROM \"servery\".labels WHERE model IN ('iris', 'unknown')" in sql
        )
        assert f"day IN ('{OTHER}', '{DAY}')" in sql
        assert sql.endswith(")\nSELECT 1 FROM requests")

    def test_own_parts_of_a_query_follow_when_it_has_some(self):
        sql = athena.wrapped("-- mine\nWITH a AS (SELECT 1) SELECT * FROM a", "servery", IRIS)
        assert sql.endswith("), a AS (SELECT 1) SELECT * FROM a")
        assert sql.count("WITH") == 1

    def test_refused_when_no_model_is_named(self):
        with pytest.raises(UsageError, match="which models"):
            athena.wrapped("SELECT 1", "servery", ALL)

    def test_values_have_their_types_when_it_has_answered(self):
        found = athena.query(FakeAthena(), "SELECT", workgroup="w", limit=1, pause=lambda _: None)
        assert found == Rows(["n", "t", "b"], [[7, "x", True]], more=True)

    def test_its_reason_is_told_when_it_has_refused(self):
        client = FakeAthena(state="FAILED", reason="COLUMN_NOT_FOUND: statu")
        with pytest.raises(DevkitError, match="COLUMN_NOT_FOUND"):
            athena.query(client, "SELECT", workgroup="w", limit=1, pause=lambda _: None)


class FakeAthena:
    """Answers after it was asked twice."""

    def __init__(self, state="SUCCEEDED", reason=""):
        self.states = ["QUEUED", "RUNNING", state]
        self.reason = reason

    def start_query_execution(self, *, QueryString, WorkGroup):  # noqa: N803
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, *, QueryExecutionId):  # noqa: N803
        status = {"State": self.states.pop(0), "StateChangeReason": self.reason}
        return {"QueryExecution": {"Status": status}}

    def get_paginator(self, _name):
        return self

    def paginate(self, *, QueryExecutionId):  # noqa: N803
        kinds = (("n", "bigint"), ("t", "varchar"), ("b", "boolean"))
        columns = [{"Name": name, "Type": kind} for name, kind in kinds]
        rows = [["n", "t", "b"], ["7", "x", "true"], ["8", None, "false"]]
        data = [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows]
        return [{"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}}}]
