"""The lake's tables are the same wherever they are declared."""

from __future__ import annotations

import msgspec
import pytest
from devkit.sql.doc import table_of
from fakes.template import ROOT, template
from servery.domain.lake import EVENTS, LABELS, PREDICTIONS, TABLES
from servery.domain.lake_tables import ATHENA, COLUMNS, PARTITIONS, Kind, all_columns
from servery.usecases.monitoring.labelling import EventLine, LabelLine
from servery.usecases.monitoring.recording import SCHEMA, Entry

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
