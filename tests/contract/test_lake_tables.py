"""The lake's tables are the same wherever they are declared."""

from __future__ import annotations

import msgspec
import pytest
from devkit.sql.doc import table_of
from fakes.clock import SetClock
from fakes.prediction_log import MemoryPredictionLog
from fakes.template import ROOT, template
from servery.domain.lake import EVENTS, LABELS, PREDICTIONS, TABLES
from servery.domain.lake_tables import ATHENA, COLUMNS, PARTITIONS, Kind, all_columns
from servery.domain.log_lines import LogLine
from servery.domain.personal import Personal, Treatment
from servery.domain.predicted import Predicted
from servery.usecases.data_cache.asked_before import Line as AskedLine
from servery.usecases.monitoring.exposures import Exposure
from servery.usecases.monitoring.labelling import EventLine, LabelLine
from servery.usecases.monitoring.recording import SCHEMA, Entry, Outcome, Recorder
from servery.usecases.monitoring.watch.lines import WatchLine

LINES = {PREDICTIONS: Entry, LABELS: LabelLine, EVENTS: EventLine}
LOGICAL = {PREDICTIONS: "PredictionsTable", LABELS: "LabelsTable", EVENTS: "EventsTable"}
JSON = {
    Kind.WHOLE: {"integer"},
    Kind.NUMBER: {"number"},
    Kind.TRUTH: {"boolean"},
    Kind.NAMES: {"array"},
}


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_the_lines(table):
    columns = {column.name: column for column in all_columns(table)}
    line = LINES[table]
    assert set(columns) == set(line.__struct_encode_fields__)
    properties = msgspec.json.schema(line)["$defs"][line.__name__]["properties"]
    for name, allowed in ((n, JSON[c.kind]) for n, c in columns.items() if c.kind in JSON):
        told = properties[name]
        kinds = {told["type"]} if "type" in told else {one["type"] for one in told["anyOf"]}
        assert kinds - {"null"} == allowed, name


@pytest.mark.parametrize("reader", [LogLine, Exposure, WatchLine, AskedLine])
def test_readers_go_by_columns_that_there_are(reader):
    wanted = set(reader.__struct_encode_fields__)
    assert wanted <= {column.name for column in all_columns(PREDICTIONS)}
    assert {"hashed", "omitted"} <= wanted


@pytest.mark.parametrize(
    ("treatment", "key"),
    [(Treatment.HASH, lambda: b"key"), (Treatment.HASH, None), (Treatment.OMIT, None)],
    ids=["hashed", "without a key", "left out"],
)
def test_nothing_was_predicted_for_readers_when_the_target_is_about_persons(treatment, key):
    log = MemoryPredictionLog()
    outcome = Outcome(
        request_id="r",
        model="iris",
        sample=1.0,
        status=200,
        latency_ms=1.0,
        answer='{"predictions": [{"class": "a"}]}',
    )
    personal = {"unlogged": ["output"], "personal": Personal(target=treatment)}
    for each in (outcome, msgspec.structs.replace(outcome, **personal)):
        Recorder(log, SetClock(), key).record(each)
    plain, masked = (msgspec.json.decode(line, type=LogLine) for line in log.lines)
    assert (plain.own, masked.own) == (True, True)
    assert plain.predicted() == Predicted(classes=["a"])
    assert masked.predicted() is None


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_the_table_of_athena(table):
    declared = template()["Resources"][LOGICAL[table]]["Properties"]["TableInput"]
    storage = declared["StorageDescriptor"]
    told = [(column["Name"], column["Type"]) for column in storage["Columns"]]
    assert told == [(column.name, ATHENA[column.kind]) for column in COLUMNS[table]]
    assert [key["Name"] for key in declared["PartitionKeys"]] == [c.name for c in PARTITIONS]
    assert declared["Name"] == table


@pytest.mark.parametrize("table", TABLES)
def test_document_has_the_columns(table):
    document = (ROOT / "infra" / "docs" / "prediction-log.md").read_text()
    assert table_of(table) in document


def test_no_column_is_newer_than_the_lines():
    assert max(column.since for column in COLUMNS[PREDICTIONS]) == SCHEMA


def test_there_is_an_alarm_for_lost_lines_when_a_function_writes_the_log():
    resources = template()["Resources"].values()
    settings = [
        r["Properties"].get("Environment", {}).get("Variables", {})
        for r in resources
        if r["Type"] == "AWS::Serverless::Function"
    ]
    writers = {s["POWERTOOLS_SERVICE_NAME"] for s in settings if "PREDICTION_LOG_STREAM" in s}
    alarms = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Alarm"]
    rung = {
        alarm["Dimensions"][0]["Value"]
        for alarm in alarms
        if alarm.get("MetricName") == "PredictionLogLost"
    }
    assert writers == rung
