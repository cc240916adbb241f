"""The parts of a batch: their bytes, and what becomes of rows that a model has no answer for."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from fakes.layouts import layout
from fakes.signatures import FLOWERS, boxes
from servery.adapters.chunk_rows import RowReader, RowWriter
from servery.domain.inference import Prediction
from servery.domain.rows import Rows, predict_rows
from servery.domain.signature import Dtype, Output, Signature, Task
from servery.errors import InvalidInputError, ModelServerError

ONE = boxes([Dtype.FLOAT])
CLASSES = ["setosa", "versicolor", "virginica"]
SCORES = np.array([[0.98, 0.02, 0], [1e-7, 0.25, 0.75]], np.float32)
FLOWER_ANSWER = Prediction(np.array(["setosa", "virginica"], object), SCORES)


def rows_of(*ids: list[str]) -> Rows:
    count = len(ids[0])
    return Rows(
        rows_in=count,
        numeric=np.arange(count, dtype=np.float32).reshape(count, 1),
        text=None,
        ids=ids,
        starts=np.arange(1, count + 1),
        rejected=[],
        lines=count,
    )


def test_part_has_header_ids_class_and_probabilities_when_written_as_csv():
    part = RowWriter(FLOWERS, layout(ids=["id"])).write(rows_of(["1", "2"]), FLOWER_ANSWER)

    assert part == (
        b"id,prediction,probability_setosa,probability_versicolor,probability_virginica\n"
        b"1,setosa,0.98,0.02,0.0\n"
        b"2,virginica,1e-7,0.25,0.75\n"
    )


def test_lines_are_objects_when_written_as_json():
    writer = RowWriter(FLOWERS, layout(ids=["100%"], output="jsonl"))
    part = writer.write(rows_of(['say "hi"', "é"]), FLOWER_ANSWER)

    first, second = map(json.loads, part.splitlines())
    assert part.endswith(b"\n")
    assert first == {
        "100%": 'say "hi"',
        "prediction": "setosa",
        "probabilities": {"setosa": 0.98, "versicolor": 0.02, "virginica": 0.0},
    }
    assert second["100%"] == "é"


def test_values_are_written_at_their_shortest_when_the_model_is_a_regression():
    answers = Prediction(np.array([0.1, 1e20], np.float32), None)
    part = RowWriter(ONE, layout()).write(_without_ids(2), answers)
    doubles = RowWriter(ONE, layout(output="jsonl")).write(
        _without_ids(2), Prediction(np.array([0.1, 1 / 3]), None)
    )

    assert part == b"prediction\n0.1\n1e+20\n"
    assert doubles == b'{"prediction":0.1}\n{"prediction":0.3333333333333333}\n'


def _without_ids(count: int) -> Rows:
    return Rows(count, np.zeros((count, 1), np.float32), None, (), np.arange(count), [], count)


def test_fields_are_in_quotes_when_and_only_when_they_must_be():
    ids = ["plain", 'q"q', "a,b", "x\ny", "x\r\ny", "=1+1", "@cmd", " blank ", ""]
    answers = Prediction(np.zeros(len(ids), np.float32), None)
    part = RowWriter(ONE, layout(ids=["a,id"])).write(rows_of(ids), answers)

    found = list(csv.reader(io.StringIO(part.decode(), newline=""), strict=True))
    assert found == [["a,id", "prediction"], *([each, "0.0"] for each in ids)]
    assert part.count(b'"') == 4 * 2 + 2 + 2
    assert b"\n=1+1,0.0\n@cmd,0.0\n blank ,0.0\n,0.0\n" in part


@pytest.mark.parametrize("output", ["csv", "jsonl"])
def test_ids_are_unchanged_when_read_and_written_in_the_same_format(output):
    if output == "csv":
        file = layout(header=["id", "x0"], ids=["id"])
        content, expected = b'"a ""b"", c",1\n007,2\n', b'"a ""b"", c"'
    else:
        file = layout(format="jsonl", output="jsonl", ids=["id"])
        content, expected = b'{"id": 1e2, "x0": 1}\n', b'{"id":1e2,'
    rows = RowReader(ONE, file).read(content)
    part = RowWriter(ONE, file).write(rows, Prediction(np.zeros(rows.good, np.float32), None))

    assert expected in part


def test_json_ids_are_cells_when_written_as_csv():
    file = layout(format="jsonl", ids=["id"])
    ids = ['"a, b"', "7", "null", "1.50", "true", '"\\ud800"', "[1,2]"]
    part = RowWriter(ONE, file).write(rows_of(ids), Prediction(np.zeros(7, np.float32), None))

    found = [row[0] for row in csv.reader(io.StringIO(part.decode(), newline=""))][1:]
    assert found == ["a, b", "7", "", "1.50", "true", '"\\ud800"', "[1,2]"]


def test_part_is_the_header_alone_when_no_row_is_good():
    nothing = Prediction(np.empty(0), None)
    empty = rows_of([])

    assert (
        RowWriter(FLOWERS, layout(ids=["id"])).write(empty, nothing).startswith(b"id,prediction,p")
    )
    assert RowWriter(FLOWERS, layout(ids=["id"], output="jsonl")).write(empty, nothing) == b""


@pytest.mark.parametrize(
    ("classes", "dtype", "expected"),
    [
        ([0, 1], Dtype.INT, b"prediction,probability_0,probability_1\n1,0.5,0.5\n"),
        (
            [False, True],
            Dtype.BOOL,
            b"prediction,probability_false,probability_true\ntrue,0.5,0.5\n",
        ),
        (["a,b", "c"], Dtype.STRING, b'prediction,"probability_a,b",probability_c\nc,0.5,0.5\n'),
    ],
)
def test_classes_are_written_as_the_api_names_them_when_they_are_no_plain_text(
    classes, dtype, expected
):
    output = Output(name="y", dtype=dtype, classes=classes, probabilities=True)
    signature = Signature(task=Task.CLASSIFICATION, inputs=ONE.inputs, output=output)
    answers = Prediction(np.array([classes[1]], object), np.array([[0.5, 0.5]], np.float32))

    assert RowWriter(signature, layout()).write(_without_ids(1), answers) == expected


def test_model_is_at_fault_when_its_class_is_none_of_the_signature():
    answers = Prediction(np.array(["rose", "setosa"], object), SCORES)

    with pytest.raises(ModelServerError):
        RowWriter(FLOWERS, layout(ids=["id"])).write(rows_of(["1", "2"]), answers)


def test_rows_without_a_finite_answer_are_rejected_when_predicted():
    rows = rows_of(["a", "b", "c"])
    answers = np.array([1, np.nan, 3], np.float32)
    left, prediction = predict_rows(rows, lambda _: Prediction(answers, None))

    assert left.ids == (["a", "c"],)
    assert [(r.line, r.column, str(r.reason)) for r in left.rejected] == [(2, "", "no_answer")]
    assert prediction.answers.tolist() == [1, 3]
    assert left.rows_in == 3


@pytest.mark.parametrize("guilty", [set(), {0}, {3, 4}, {9}, set(range(10))])
def test_only_guilty_rows_are_rejected_when_the_model_refuses_a_call(guilty):
    def predict(rows: Rows) -> Prediction:
        assert rows.numeric is not None
        values = rows.numeric[:, 0]
        assert len(values) == rows.good > 0
        if guilty & set(values.astype(int).tolist()):
            raise InvalidInputError("no")
        return Prediction(values, np.stack([values, values], axis=1))

    left, prediction = predict_rows(rows_of([str(i) for i in range(10)]), predict)

    kept = [i for i in range(10) if i not in guilty]
    assert left.ids == ([str(i) for i in kept],)
    assert prediction.answers.tolist() == kept
    assert [r.line for r in left.rejected] == [i + 1 for i in sorted(guilty)]


def test_model_is_not_asked_when_no_row_is_good():
    def predict(_: Rows) -> Prediction:
        raise AssertionError

    left, prediction = predict_rows(rows_of([]), predict)

    assert (left.good, len(prediction.answers)) == (0, 0)
