"""Answers in both forms."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from fakes.signatures import FLOWERS, GUESTS
from msgspec.structs import replace
from servery.domain.inference import AnswerContext, Form, Prediction, Question
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Output
from servery.edge.inference import Codec
from servery.errors import InvalidInputError, ModelServerError

CONTEXT = AnswerContext("iris", "1.1.0-1.1", "r-1", "champion")
PROVENANCE = {"request_id": "r-1", "served_by": "champion", "cache": "off"}
SCORES = np.array([[0.98, 0.01, 0.01], [1e-9, 1.0, 0.0]], np.float32)
LABELS = np.array(["setosa", "versicolor"], object)


def asked(rows: int, form: Form = Form.RECORDS, **more: Any) -> Question:
    return Question(form=form, rows=rows, numeric=None, text=None, **more)


def answer(codec: Codec, question: Question, prediction: Prediction) -> Any:
    return json.loads(codec.encode(question, prediction, CONTEXT))


def with_output(output: Output) -> Codec:
    return Codec(replace(FLOWERS, output=output), Limits())


def test_rows_have_class_probabilities_and_version_when_records_are_classified() -> None:
    codec = Codec(FLOWERS, Limits())
    document = answer(codec, asked(2, id='a"b'), Prediction(LABELS, SCORES))
    assert document == {
        "id": 'a"b',
        "model": "iris",
        "model_version": "1.1.0-1.1",
        **PROVENANCE,
        "predictions": [
            {
                "class": "setosa",
                "probabilities": {"setosa": 0.98, "versicolor": 0.01, "virginica": 0.01},
                "model_version": "1.1.0-1.1",
            },
            {
                "class": "versicolor",
                "probabilities": {"setosa": 1e-9, "versicolor": 1.0, "virginica": 0.0},
                "model_version": "1.1.0-1.1",
            },
        ],
    }


def test_rows_name_the_version_that_answers_when_it_is_another_each_time() -> None:
    codec = Codec(FLOWERS, Limits())
    for version in ("", "1.0.0-1.1", "2.0.0-1.1", "1.0.0-1.1"):
        context = msgspec.structs.replace(CONTEXT, model_version=version)
        for scores in (SCORES, None):
            body = codec.encode(asked(2), Prediction(LABELS, scores), context)
            rows = json.loads(body)["predictions"]
            assert [row["model_version"] for row in rows] == [version, version]
            assert ["probabilities" in row for row in rows] == [scores is not None] * 2


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_rows_have_value_and_unit_when_records_are_regressed(kind: Any) -> None:
    document = answer(
        Codec(GUESTS, Limits()), asked(2), Prediction(np.array([152, -3], kind), None)
    )
    assert document["predictions"] == [
        {"value": 152, "unit": "EUR", "model_version": "1.1.0-1.1"},
        {"value": -3, "unit": "EUR", "model_version": "1.1.0-1.1"},
    ]


@pytest.mark.parametrize(
    ("dtype", "classes"),
    [
        (Dtype.BOOL, [False, True]),
        (Dtype.INT, [7, 8]),
        (Dtype.STRING, ['100 %b "', "\\n\n%s☃"]),
    ],
)
def test_classes_keep_their_type_when_they_are_odd(dtype: Dtype, classes: list[Any]) -> None:
    codec = with_output(Output(name="y", dtype=dtype, classes=classes, probabilities=True))
    labels = np.array(classes, object if dtype is Dtype.STRING else None)
    prediction = Prediction(labels, np.array([[0.75, 0.25], [0.25, 0.75]]))
    rows = answer(codec, asked(2), prediction)["predictions"]
    assert [row["class"] for row in rows] == classes
    names = [c if isinstance(c, str) else json.dumps(c) for c in classes]
    assert rows[1]["probabilities"] == dict(zip(names, [0.25, 0.75], strict=True))
    tensor = answer(codec, asked(2, Form.TENSORS), prediction)["outputs"][0]
    assert tensor["data"] == classes
    assert tensor["datatype"] == {"bool": "BOOL", "int": "INT64", "string": "BYTES"}[dtype]


def test_version_and_unit_are_told_as_they_are_when_they_have_percent_signs() -> None:
    codec = Codec(replace(GUESTS, output=replace(GUESTS.output, unit="%b")), Limits())
    context = AnswerContext("m", "1%s", "r", "champion", degraded=True)
    body = codec.encode(asked(1), Prediction(np.array([1.5]), None), context)
    document = json.loads(body)
    assert document["degraded"] is True
    assert document["predictions"] == [{"value": 1.5, "unit": "%b", "model_version": "1%s"}]


def test_tensors_are_flat_with_their_shape_when_the_question_was_tensors() -> None:
    document = answer(
        Codec(FLOWERS, Limits()), asked(2, Form.TENSORS, id="7"), Prediction(LABELS, SCORES)
    )
    assert document == {
        "model_name": "iris",
        "model_version": "1.1.0-1.1",
        "id": "7",
        "parameters": PROVENANCE,
        "outputs": [
            {"name": "class", "shape": [2], "datatype": "BYTES", "data": LABELS.tolist()},
            {
                "name": "probabilities",
                "shape": [2, 3],
                "datatype": "FP32",
                "data": [0.98, 0.01, 0.01, 1e-9, 1.0, 0.0],
            },
        ],
    }


def test_only_wanted_outputs_are_given_when_some_are_named() -> None:
    codec = Codec(FLOWERS, Limits())
    question = asked(2, Form.TENSORS, outputs=("probabilities",))
    outputs = answer(codec, question, Prediction(LABELS, SCORES.astype(np.float64)))["outputs"]
    assert [(o["name"], o["datatype"]) for o in outputs] == [("probabilities", "FP64")]


@pytest.mark.parametrize("form", list(Form))
def test_the_row_is_named_when_the_model_has_no_finite_answer(form: Form) -> None:
    with pytest.raises(InvalidInputError) as caught:
        answer(Codec(GUESTS, Limits()), asked(3, form), Prediction(np.array([1, np.inf, 2]), None))
    assert [v.field for v in caught.value.violations] == ["records[1]"]


def test_it_is_our_fault_when_a_class_is_not_in_the_signature() -> None:
    with pytest.raises(ModelServerError):
        answer(
            Codec(FLOWERS, Limits()), asked(1), Prediction(np.array(["rose"], object), SCORES[:1])
        )
