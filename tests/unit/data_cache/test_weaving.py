"""Answers that are put together from rows are those that the model server would have written."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from fakes.signatures import FLOWERS, GUESTS
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from servery.domain.inference import AnswerContext, Form, Prediction, Question
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Output, Signature, Task
from servery.domain.weaving import Weaver
from servery.edge.inference import Codec

CONTEXT = AnswerContext("iris", "1.0.0-a.b", "request", "champion", "off", False, "pair")
UNSURE = float(np.array(0x15AE43FD, np.uint32).view(np.float32)[()])

LABELS = replace(FLOWERS, output=replace(FLOWERS.output, probabilities=False))
NUMBERS = replace(
    FLOWERS,
    output=Output(name="n", dtype=Dtype.INT, classes=[3, -1, 20], probabilities=True),
)
ODD = replace(
    FLOWERS,
    output=Output(
        name="odd", dtype=Dtype.STRING, classes=['a"%', "model_version", "é\n"], probabilities=True
    ),
)
FEATURES = Signature(
    task=Task.PREPROCESSING,
    inputs=FLOWERS.inputs,
    output=Output(name="features", dtype=Dtype.FLOAT, features=['x"1', "x%2", "é"]),
)
SIGNATURES = [FLOWERS, LABELS, NUMBERS, ODD, GUESTS, FEATURES]

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
wide = st.floats(allow_nan=False, allow_infinity=False)


def question(rows: int, form: Form, name: str | None = None, outputs: tuple[str, ...] = ()):
    return Question(form, rows, None, None, name, outputs)


@st.composite
def predictions(draw: st.DrawFn, which: int) -> Prediction:
    signature = SIGNATURES[which]
    rows = draw(st.integers(1, 4))
    prepares = signature.task is Task.PREPROCESSING
    kinds = [(np.float32, floats), *([] if prepares else [(np.float64, wide)])]
    kind, numbers = draw(st.sampled_from(kinds))
    if signature.task is Task.REGRESSION:
        return Prediction(np.array(draw(st.tuples(*[numbers] * rows)), kind), None)
    matrix = np.array(draw(st.tuples(*[numbers] * (3 * rows))), kind).reshape(rows, 3)
    if prepares:
        return Prediction(matrix, None)
    classes = np.array(signature.output.classes, object)
    labels = classes[list(draw(st.tuples(*[st.integers(0, 2)] * rows)))]
    return Prediction(labels, matrix if signature.output.probabilities else None)


cases = st.integers(0, len(SIGNATURES) - 1).flatmap(
    lambda which: st.tuples(st.just(which), predictions(which))
)
names = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(cases, st.sampled_from(Form), st.sampled_from(Form), names)
@settings(max_examples=500, deadline=None)
def test_answer_is_the_servers_to_the_byte_when_it_is_put_together_from_rows(
    case, kept, form, name
):
    which, prediction = case
    codec, weaver = Codec(SIGNATURES[which], Limits()), Weaver(SIGNATURES[which])
    rows = len(prediction.answers)
    answer = codec.encode(question(rows, kept), prediction, CONTEXT)
    numbers = prediction.answers if prediction.probabilities is None else prediction.probabilities
    floats = "FP32" if numbers.dtype == np.float32 else "FP64"

    document = weaver.read(answer)

    assert document is not None
    assert all(weaver.fits(row, form, floats) for row in document.rows)
    woven = weaver.write(document.rows, CONTEXT, form=form, name=name, floats=floats)
    assert woven == codec.encode(question(rows, form, name), prediction, CONTEXT)


@given(predictions(0), st.permutations(["class", "probabilities"]), st.integers(1, 2))
@settings(max_examples=50, deadline=None)
def test_outputs_are_those_that_are_wanted_when_tensors_are_put_together(prediction, wanted, some):
    codec, weaver = Codec(FLOWERS, Limits()), Weaver(FLOWERS)
    rows, outputs = len(prediction.answers), tuple(wanted[:some])
    document = weaver.read(codec.encode(question(rows, Form.TENSORS), prediction, CONTEXT))

    woven = weaver.write(document.rows, CONTEXT, form=Form.TENSORS, outputs=outputs)

    assert woven == codec.encode(question(rows, Form.TENSORS, None, outputs), prediction, CONTEXT)


def test_rows_of_records_fit_no_tensors_when_nobody_knows_the_type_of_their_numbers():
    codec = Codec(GUESTS, Limits())
    answer = codec.encode(
        question(1, Form.RECORDS), Prediction(np.array([2.0], np.float64), None), CONTEXT
    )
    (row,) = Weaver(GUESTS).read(answer).rows

    assert Weaver(GUESTS).fits(row, Form.RECORDS, "")
    assert not Weaver(GUESTS).fits(row, Form.TENSORS, "")
    assert Weaver(GUESTS).fits(row, Form.TENSORS, "FP64")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_one_number_that_is_written_otherwise_is_never_put_into_tensors(sign):
    codec, weaver = Codec(FEATURES, Limits()), Weaver(FEATURES)
    matrix = np.array([[0.1, sign * UNSURE, 2.0]], np.float32)
    answers = {
        form: codec.encode(question(1, form), Prediction(matrix, None), CONTEXT) for form in Form
    }

    assert weaver.read(answers[Form.TENSORS]) is None
    (row,) = weaver.read(answers[Form.RECORDS]).rows
    assert not weaver.fits(row, Form.TENSORS, "FP32")


def test_degraded_answer_is_known_in_either_form():
    for form in Form:
        context = AnswerContext("iris", "0.9.0-a.b", "request", "champion", "off", True)
        answer = Codec(LABELS, Limits()).encode(
            question(1, form), Prediction(np.array(["setosa"], object), None), context
        )
        document = Weaver(LABELS).read(answer)

        assert (document.degraded, document.model_version) == (True, "0.9.0-a.b")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"model_version":"1"}',
        '{"model_version":"1","predictions":[{"class":"setosa","model_version":"2"}]}',
        '{"model_version":"1","outputs":[{"name":"class","datatype":"BYTES","data":["a"]}]}',
    ],
)
def test_answer_is_not_taken_apart_when_it_is_not_all_there(body):
    assert Weaver(FLOWERS).read(body) is None


def test_rows_are_json_when_they_are_kept():
    prediction = Prediction(np.array([1.5], np.float32), None)
    answer = Codec(GUESTS, Limits()).encode(question(1, Form.RECORDS), prediction, CONTEXT)
    (row,) = Weaver(GUESTS).read(answer).rows

    assert msgspec.json.decode(row.answer) == {"value": 1.5, "unit": "EUR"}
