"""The prediction log in full: personal fields, labels and events by SQL, and few large objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Stack, wait_until

MODEL = "diabetes-private"
ROW = {
    "age": 59,
    "sex": 2,
    "bmi": 32.1,
    "blood_pressure": 101.0,
    "total_cholesterol": 157.0,
    "ldl": 93.2,
    "hdl": 38.0,
    "cholesterol_ratio": 4.0,
    "log_triglycerides": 4.8598,
    "glucose": 87.0,
}


@pytest.fixture(scope="module")
def private(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of which one field is hashed, and one left out."""
    spec = stack.spec("diabetes", name=MODEL)
    marks: dict[str, Any] = {"sex": "hash", "age": True}
    for column in spec["data"]["columns"]:
        column.pop("personal", None)
        if column["name"] in marks:
            column["personal"] = marks[column["name"]]
    trained = stack.train(spec)
    assert trained["outcome"] == "registered", trained
    released = stack.release(MODEL, version=trained["version"], mode="load")
    assert released["state"] == "succeeded", released
    return MODEL


def asked_by_sql(stack: Stack, query: str) -> list[dict[str, Any]]:
    return list(stack.json("sql", query, "--model", MODEL, "--days", "2"))


def logged(stack: Stack, *requests: str) -> dict[str, dict[str, Any]]:
    """The rows of some requests in the view, once all are in the lake."""
    query = "SELECT * FROM requests"

    def whole() -> dict[str, Any] | None:
        found = {row["request_id"]: row for row in asked_by_sql(stack, query)}
        return found if set(requests) <= set(found) else None

    return dict(wait_until(whole, seconds=180, what=f"{requests} are in the lake"))


def test_the_rest_is_logged_when_fields_are_personal(stack: Stack, private: str) -> None:
    tensors = [
        {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]}
        for name, value in ROW.items()
    ]
    for tensor in tensors:
        if tensor["name"] in ("age", "sex"):
            tensor["datatype"] = "INT64"
    sent: dict[str, Any] = {
        "log-records": {"records": [ROW]},
        "log-tensors": {"inputs": tensors},
        "log-refused": {"records": [{**ROW, "sex": 7}]},
    }
    statuses = {
        name: stack.infer(private, body, headers={"x-request-id": name}).status_code
        for name, body in sent.items()
    }
    assert statuses == {"log-records": 200, "log-tensors": 200, "log-refused": 422}
    rows = logged(stack, *sent)

    record = json.loads(rows["log-records"]["input"])["records"][0]
    rest = {name: value for name, value in ROW.items() if name not in ("age", "sex")}
    assert {name: value for name, value in record.items() if name != "sex"} == rest
    assert record["sex"].startswith("h:")
    by_name = {t["name"]: t for t in json.loads(rows["log-tensors"]["input"])["inputs"]}
    assert "age" not in by_name
    assert by_name["sex"]["data"] == [record["sex"]]
    assert rows["log-records"]["hashed"] == ["input.sex"]
    assert rows["log-records"]["omitted"] == ["input.age"]
    assert (rows["log-refused"]["status"], rows["log-refused"]["input"]) == (422, None)
    assert "value" in rows["log-records"]["output"]


def test_labels_and_events_are_beside_the_request_when_they_were_told(
    stack: Stack, private: str
) -> None:
    request = "log-joined"
    assert stack.infer(private, {"records": [ROW]}, headers={"x-request-id": request}).is_success
    told = stack.http.post(
        "/labels",
        json={
            "model": private,
            "labels": [{"request_id": request, "label": 206.0}],
            "events": [{"request_id": request, "name": "treated", "value": "insulin"}],
        },
    )
    assert (told.status_code, told.json()) == (202, {"accepted": 1, "events": 1})

    def joined() -> dict[str, Any] | None:
        row = logged(stack, request)[request]
        return row if row["labels"] and row["events"] else None

    row = wait_until(joined, seconds=180, what="label and event are in the lake")
    assert [float(label) for label in row["labels"]] == [206.0]
    assert row["events"] == ["treated"]


def test_names_are_told_when_a_column_is_not_there(stack: Stack, private: str) -> None:
    done = stack.run("sql", "SELECT statsu FROM requests", "--model", private, check=False)
    assert done.returncode == 1
    assert "latency_ms" in done.stdout
    assert "statsu" in done.stdout


def test_few_objects_have_the_same_lines_when_the_day_is_over(stack: Stack) -> None:
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    prefix = f"predictions/model=compacted-e2e/day={day}/"
    bucket = stack.status["outputs"]["LakeBucketName"]
    s3 = stack.client("s3")
    for number in range(30):
        line = {"schema": 2, "request_id": f"c-{number}", "model": "compacted-e2e", "day": day}
        s3.put_object(Bucket=bucket, Key=f"{prefix}part-{number:03d}", Body=json.dumps(line) + "\n")

    def requests() -> int:
        query = "SELECT count(DISTINCT request_id) AS n, count(*) AS m FROM predictions"
        counts = stack.json("sql", query, "--model", "compacted-e2e", "--days", "3")[0]
        assert counts["n"] == counts["m"]
        return int(counts["n"])

    assert requests() == 30
    function = stack.status["functions"]["MonitoringCompactFunction"]
    invoke: Callable[..., Any] = stack.client("lambda").invoke
    for _ in range(2):
        answer = invoke(FunctionName=function, Payload=b'{"days": 2}')
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
    names = [
        entry["Key"].rpartition("/")[2]
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    ]
    lines = [name for name in names if not name.startswith("_")]
    assert len(lines) == 1, names
    assert lines[0].startswith("compacted-")
    assert requests() == 30
