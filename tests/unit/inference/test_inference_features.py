"""Features as JSON: each number is read back as exactly what it was."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from fakes.signatures import FLOWERS
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from servery.domain.inference import AnswerContext, Form, Prediction, Question
from servery.domain.json_rows import FeatureRows
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Output, Task
from servery.edge.inference import Codec
from servery.errors import InvalidInputError

NAMES = ["x", "100 %b %s", "tail_é"]
ODD = np.array(0x15AE43FD, np.uint32).view(np.float32)[()]
CONTEXT = AnswerContext("f", "1%s-1.1", "r", "champion", pair="p" * 32)
PREPROCESSOR = replace(
    FLOWERS,
    task=Task.PREPROCESSING,
    output=Output(name="features", dtype=Dtype.FLOAT, features=NAMES),
)


def encoded(matrix: Any, form: Form = Form.RECORDS) -> Any:
    question = Question(form=form, rows=len(matrix), numeric=None, text=None)
    body = Codec(PREPROCESSOR, Limits()).encode(question, Prediction(matrix, None), CONTEXT)
    return json.loads(body)


def read_back(rows: list[dict[str, float]]) -> np.ndarray:
    return np.array([list(row.values()) for row in rows]).astype(np.float32)


@given(
    st.lists(
        st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3), min_size=1
    )
)
def test_numbers_are_the_same_bits_when_they_are_read_as_float64_first(rows: Any) -> None:
    matrix = np.array(rows, np.float32)

    text = b"[" + FeatureRows(NAMES).write(matrix) + b"]"

    assert read_back(json.loads(text)).tobytes() == matrix.tobytes()
    assert read_back(orjson.loads(text)).tobytes() == matrix.tobytes()


def test_odd_one_is_the_same_when_its_shortest_form_is_its_neighbour() -> None:
    shortest = orjson.dumps(ODD, option=orjson.OPT_SERIALIZE_NUMPY)
    assert np.float32(float(shortest)) != ODD
    matrix = np.array([[ODD, -ODD, 1.0], [0.5, 7.038531e-25, -0.0]], np.float32)

    rows = [row["features"] for row in encoded(matrix)["predictions"]]
    (tensor,) = encoded(matrix, Form.TENSORS)["outputs"]

    assert read_back(rows).tobytes() == matrix.tobytes()
    assert np.array(tensor["data"]).astype(np.float32).tobytes() == matrix.tobytes()
    assert rows[1]["100 %b %s"] == 7.038531e-25


def test_numbers_are_short_when_they_are_written() -> None:
    text = FeatureRows(["a", "b"]).write(np.array([[0.98, -3.0]], np.float32))

    assert text == b'{"a":0.98,"b":-3.0}'


def test_answer_is_the_same_in_both_forms_when_features_are_encoded() -> None:
    matrix = np.array([[1.5, 2.5, 3.5], [0.1, 0.2, 0.3]], np.float32)

    records, tensors = encoded(matrix), encoded(matrix, Form.TENSORS)

    assert records["predictions"][0] == {
        "features": dict(zip(NAMES, [1.5, 2.5, 3.5], strict=True)),
        "model_version": "1%s-1.1",
    }
    assert records["pair"] == tensors["parameters"]["pair"] == "p" * 32
    (tensor,) = tensors["outputs"]
    flat = [value for row in records["predictions"] for value in row["features"].values()]
    assert tensor == {"name": "features", "shape": [2, 3], "datatype": "FP32", "data": flat}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_are_named_when_their_features_are_not_finite(bad: float) -> None:
    matrix = np.ones((3, 3), np.float32)
    matrix[1, 2] = bad

    with pytest.raises(InvalidInputError) as refused:
        encoded(matrix)

    assert [v.field for v in refused.value.violations] == ["records[1]"]
