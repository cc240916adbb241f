"""Canonical rows say of a request what the model server's own codec makes of it, or nothing."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS, boxes
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from servery.domain.canonical import Canonical, Reading
from servery.domain.inference import Form, Question
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.edge.inference import Codec
from servery.errors import RejectedError

LIMITS = Limits(max_rows=50)
BOXES = boxes([Dtype.FLOAT, Dtype.BOOL, Dtype.INT])
TEXTS = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        Field(name="a", dtype=Dtype.STRING),
        Field(name="b", dtype=Dtype.STRING, nullable=True),
    ],
    output=Output(name="c", dtype=Dtype.STRING, classes=["x", "y"]),
)
NARROW = Signature(
    task=Task.REGRESSION,
    inputs=[
        Field(name="x", dtype=Dtype.FLOAT, minimum=0.1, maximum=0.3, nullable=True),
        Field(name="n", dtype=Dtype.INT, minimum=-5, categories=[-1, 2, 2**53 + 1]),
    ],
    output=Output(name="y", dtype=Dtype.FLOAT),
)
SIGNATURES = [FLOWERS, GUESTS, BOXES, TEXTS, NARROW]
PAIRS = [(Canonical(s, LIMITS), Codec(s, LIMITS)) for s in SIGNATURES]
DATATYPES = ["BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT64", "UINT8", "UINT64"]

near = st.sampled_from(
    [
        *(0, 1, 1.0, -1, 2, 3, 0.0, -0.0, 0.5, True, False, None, "de", "fr", "", "a", "\0"),
        *(0.1, 0.10000000149011612, 0.1000000015, 0.09999999, 0.3, 0.30000001192092896, 0.300001),
        *(5.1, 5.1000001, 40, 40.0, 2**53 + 1, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400),
        *(
            16777216,
            16777217,
            65504,
            65505,
            128,
            127,
            255,
            3.4028235e38,
            3.4028236e38,
            1e-50,
            1e300,
        ),
        *("\ud800", math.nan, math.inf, -math.inf, "é", "n"),
    ]
)
scalars = near | st.integers(-10, 200) | st.floats(-1, 11) | st.text(max_size=4)
words = st.sampled_from(
    [
        *("records", "inputs", "outputs", "id", "parameters", "name", "shape", "datatype", "data"),
        *("input", "class", "value", "probabilities", "a", "b", "x", "n", *FLOWER, *GUEST),
    ]
)
anything = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)


def values_for(field: Field) -> st.SearchStrategy[Any]:
    kinds: dict[Dtype, st.SearchStrategy[Any]] = {
        Dtype.FLOAT: st.floats(0, 10) | st.integers(0, 10) | st.just(-0.0),
        Dtype.INT: st.integers(0, 130) | st.sampled_from([1.0, 2.0, 16777217]),
        Dtype.BOOL: st.booleans(),
        Dtype.STRING: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    }
    some = st.sampled_from(field.categories) if field.categories else kinds[field.dtype]
    if field.minimum is not None:
        some = some.filter(lambda value: value >= field.minimum)
    if field.maximum is not None:
        some = some.map(lambda value: min(value, field.maximum))
    return some | st.none() if field.nullable else some


def records_of(signature: Signature) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({f.name: values_for(f) for f in signature.inputs})
    return st.lists(row, min_size=1, max_size=4)


def as_tensors(signature: Signature, records: list[dict[str, Any]], *, nested: bool) -> Any:
    kinds = {"float": "FP64", "int": "FP64", "bool": "BOOL", "string": "BYTES"}
    return [
        {
            "name": field.name,
            "shape": [len(records), 1] if nested else [len(records)],
            "datatype": kinds[field.dtype],
            "data": [[r[field.name]] if nested else r[field.name] for r in records],
        }
        for field in signature.inputs
    ]


def as_packed(signature: Signature, records: list[dict[str, Any]]) -> Any:
    rows = [[r[f.name] for f in signature.inputs] for r in records]
    data = [int(v) if isinstance(v, bool) else v for row in rows for v in row]
    shape = [len(records), len(signature.inputs)]
    return [{"name": "input", "shape": shape, "datatype": "FP64", "data": data}]


def expected_rows(question: Question) -> list[bytes]:
    """What the rows of a question are to the model, by its arrays."""
    rows = []
    for index in range(question.rows):
        row = b""
        if question.numeric is not None:
            numbers = question.numeric[index] + np.float32(0)
            numbers[np.isnan(numbers)] = np.float32(math.nan)
            row += numbers.astype("<f4").tobytes()
        if question.text is not None:
            for text in question.text[index]:
                row += len(text.encode()).to_bytes(4, "little") + text.encode()
        rows.append(row)
    return rows


def check(canonical: Canonical, codec: Codec, content: bytes) -> Reading | None:
    """Where there is a reading the server accepts the body, and reads the very same."""
    reading = canonical.read(content)
    if reading is None:
        return None
    question = codec.decode(content)
    assert reading.rows == expected_rows(question)
    assert (reading.form, reading.id, reading.outputs) == (
        question.form,
        question.id,
        question.outputs,
    )
    asked = codec.decode(reading.question(range(len(reading.rows))).encode())
    assert expected_rows(asked) == reading.rows
    assert asked.form is reading.form
    return reading


def paths(value: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [()]
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, part in items:
        found.extend((key, *rest) for rest in paths(part))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@st.composite
def bodies(draw: st.DrawFn) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    which = draw(st.integers(0, len(SIGNATURES) - 1))
    signature = SIGNATURES[which]
    records = draw(records_of(signature))
    forms = ["records", "columns", "nested"]
    if not signature.text:
        forms.append("packed")
    form = draw(st.sampled_from(forms))
    document: dict[str, Any]
    if form == "records":
        document = {"records": [dict(draw(st.permutations(list(r.items())))) for r in records]}
    elif form == "packed":
        document = {"inputs": as_packed(signature, records)}
    else:
        document = {"inputs": as_tensors(signature, records, nested=form == "nested")}
        document["inputs"] = draw(st.permutations(document["inputs"]))
    document |= draw(st.sampled_from([{}, {"id": "me"}, {"parameters": {"a": ["b", {"c": "d"}]}}]))
    return which, document, records


def written(document: Any, draw_indent: int | None = None) -> bytes:
    return json.dumps(document, indent=draw_indent).encode(errors="surrogatepass")


@given(bodies(), st.sampled_from([None, 0, 3]))
@settings(max_examples=400, deadline=None)
def test_rows_are_what_the_server_reads_when_a_body_is_right(body, indent):
    which, document, records = body
    reading = check(*PAIRS[which], written(document, indent))

    assert reading is not None
    plain = PAIRS[which][0].read(written({"records": records}))
    assert plain is not None
    assert plain.rows == reading.rows  # whatever the form, the order and the white space


@given(bodies(), st.data())
@settings(max_examples=800, deadline=None)
@pytest.mark.slow
def test_there_is_no_reading_when_the_server_refuses(body, data):
    which, document, _ = body
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(paths(document)))
        document = changed(document, path, data.draw(anything | st.sampled_from(DATATYPES)))

    check(*PAIRS[which], written(document))  # raises what the codec refuses with


@given(st.sampled_from(range(len(SIGNATURES))), anything, st.binary(max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_read_as_the_server_does_or_not_at_all(which, value, noise, data):
    content = written({"records": [value]})
    at = data.draw(st.integers(0, len(content)))

    check(*PAIRS[which], content[:at] + noise + content[at:])


@given(st.sampled_from([0, 1, 2, 4]), st.data())
@settings(max_examples=300, deadline=None)
def test_rows_are_the_same_exactly_when_the_model_gets_the_same(which, data):
    canonical, codec = PAIRS[which]
    row = data.draw(records_of(SIGNATURES[which]))[0]
    name = data.draw(st.sampled_from(sorted(row)))
    other = {**row, name: data.draw(near | values_for(field_of(SIGNATURES[which], name)))}
    readings = [canonical.read(written({"records": [r]})) for r in (row, other)]
    if None in readings:
        return
    first, second = (codec.decode(written({"records": [r]})) for r in (row, other))
    same_numbers = np.array_equal(
        first.numeric if first.numeric is not None else np.zeros(0),
        second.numeric if second.numeric is not None else np.zeros(0),
        equal_nan=True,
    )
    same_texts = first.text is None or (first.text == second.text).all()

    assert (readings[0].rows == readings[1].rows) == bool(same_numbers and same_texts)


def field_of(signature: Signature, name: str) -> Field:
    return next(f for f in signature.inputs if f.name == name)


@pytest.mark.parametrize(
    "content",
    [
        b'{"records": [%b, %b]}' % ((json.dumps(FLOWER).encode(),) * 2),
        (
            b'{"records":[{"petal_width":0.2,"petal_length":14e-1,"sepal_width":3.50,'
            b'"sepal_length":5.10}]}'
        ),
        (
            b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32",'
            b'"data":[[5.099999904632568,3.5,1.399999976158142,0.20000000298023224]]}]}'
        ),
    ],
)
def test_flower_is_one_flower_however_it_is_written(content):
    plain = PAIRS[0][0].read(written({"records": [FLOWER]}))

    assert set(PAIRS[0][0].read(content).rows) == set(plain.rows)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [(1, True), (1.0, True), (True, False), (1.5, False), ("1", False), (None, False), (4, False)],
)
def test_whole_number_is_read_in_any_form_when_its_column_is_whole(value, accepted):
    canonical, _ = PAIRS[1]
    one = canonical.read(written({"records": [{**GUEST, "stars": 1}]}))
    reading = canonical.read(written({"records": [{**GUEST, "stars": value}]}))

    assert (reading is not None and reading.rows == one.rows) == accepted


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "10" * 300, "null"])
def test_number_is_no_key_when_it_is_none(number):
    body = '{"records":[{"sepal_length":%s,"sepal_width":1,"petal_length":1,"petal_width":1}]}'

    assert PAIRS[0][0].read((body % number).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        {"records": []},
        {"records": [FLOWER] * 51},
        {"records": [{**FLOWER, "more": 1}]},
        {"records": [FLOWER], "outputs": [{"name": "class"}]},
        {"records": [FLOWER], "parameters": []},
        {"records": [FLOWER], "more": 1},
        {"inputs": as_tensors(FLOWERS, [FLOWER], nested=False), "outputs": [{"name": "color"}]},
        {"inputs": as_tensors(FLOWERS, [FLOWER], nested=False)[1:]},
        {"inputs": as_tensors(FLOWERS, [FLOWER], nested=False) * 2},
    ],
)
def test_request_goes_to_the_server_when_it_would_be_refused(body):
    canonical, codec = PAIRS[0]

    with pytest.raises(RejectedError):
        codec.decode(written(body))
    assert canonical.read(written(body)) is None


def test_request_goes_to_the_server_when_a_key_is_there_twice():
    content = written({"records": [FLOWER]}).replace(b"}", b', "petal_width": 0.2}', 1)

    assert PAIRS[0][0].read(content) is None


def test_request_goes_to_the_server_when_it_has_more_bytes_than_the_model_takes():
    small = Canonical(FLOWERS, replace(LIMITS, max_body_kb=1))

    assert small.read(written({"records": [FLOWER]})) is not None
    assert small.read(written({"records": [FLOWER]}) + b" " * 1000) is None


def test_outputs_are_read_when_tensors_are_asked_for_some():
    body = {
        "inputs": as_tensors(FLOWERS, [FLOWER], nested=False),
        "outputs": [{"name": "probabilities"}],
        "id": "a",
    }
    reading = PAIRS[0][0].read(written(body))

    assert (reading.form, reading.outputs, reading.id) == (Form.TENSORS, ("probabilities",), "a")
