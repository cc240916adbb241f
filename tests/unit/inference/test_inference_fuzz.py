"""Nothing that a caller sends may be anything but an answer or a refusal."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS, boxes
from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.inference import Question
from servery.domain.inputs import Columns
from servery.domain.serving import Limits
from servery.domain.signature import Dtype
from servery.edge.inference import Codec
from servery.edge.inference.examination import Examination
from servery.errors import RejectedError

LIMITS = Limits(max_rows=50)
CODECS = [
    Codec(FLOWERS, LIMITS),
    Codec(GUESTS, LIMITS),
    Codec(boxes([Dtype.FLOAT, Dtype.BOOL, Dtype.INT]), LIMITS),
]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DATATYPES = ["BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT64", "UINT8", "UINT64"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(["de", "fr", 1, 2.0, 0.5, 2**63, 2**63 - 1, 3.4028235e38, "\ud800", "\0"])
)
words = st.text(max_size=6) | st.sampled_from(
    [
        *("records", "inputs", "outputs", "id", "parameters", "name", "shape", "datatype", "data"),
        *FLOWER,
        *GUEST,
        *("x0", "x1", "x2", "input", "class", "value", "\ud800"),
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)
VALID: list[dict[str, Any]] = [
    {"records": [FLOWER, FLOWER], "id": "a"},
    {"records": [GUEST, GUEST], "parameters": {"a": [1, {"b": "c"}]}},
    {"records": [{"x0": 1.5, "x1": True, "x2": 3}]},
    {
        "inputs": [{"name": "input", "shape": [2, 4], "datatype": "FP32", "data": [1.0] * 8}],
        "outputs": [{"name": "class"}],
    },
    {
        "inputs": [
            {"name": name, "shape": [1], "datatype": kind, "data": [GUEST[name]]}
            for name, kind in zip(
                GUEST, ["INT8", "BYTES", "FP64", "BOOL", "BYTES", "UINT8"], strict=True
            )
        ],
        "parameters": {},
    },
]


def decode(codec: Codec, content: bytes) -> Question | None:
    try:
        question = codec.decode(content)
    except RejectedError:
        return None
    assert 1 <= question.rows <= 50
    for matrix in (question.numeric, question.text):
        assert matrix is None or matrix.shape[0] == question.rows
    if question.numeric is not None:
        assert not np.isinf(question.numeric).any()
    return question


def paths(value: Any) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
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
def mutants(draw: st.DrawFn) -> bytes:
    """A valid body with some parts replaced, and perhaps some bytes too."""
    document = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(document)))
        document = changed(document, path, draw(anything | st.sampled_from(DATATYPES)))
    content = json.dumps(document, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(content)))
        content = (
            content[:at] + draw(st.binary(max_size=2)) + content[at + draw(st.integers(0, 2)) :]
        )
    return content


@given(st.sampled_from(CODECS), st.binary(max_size=200))
@settings(max_examples=120, deadline=None)
def test_bytes_are_answered_or_refused_when_they_are_random(codec: Codec, content: bytes) -> None:
    decode(codec, content)


@given(st.sampled_from(CODECS), anything)
@settings(max_examples=250, deadline=None)
def test_json_is_answered_or_refused_when_it_is_random(codec: Codec, value: Any) -> None:
    decode(codec, json.dumps(value).encode())


@given(st.sampled_from(CODECS), mutants())
@settings(max_examples=600, deadline=None)
def test_bodies_are_answered_or_refused_when_they_are_nearly_right(
    codec: Codec, content: bytes
) -> None:
    decode(codec, content)


@given(st.lists(st.tuples(*[scalars] * len(GUEST)), min_size=1, max_size=3))
@settings(max_examples=250, deadline=None)
def test_fast_and_slow_reading_agree_when_values_are_random(rows: list[tuple[Any, ...]]) -> None:
    content = json.dumps({"records": [dict(zip(GUEST, row, strict=True)) for row in rows]}).encode()
    examination = Examination(Columns(GUESTS), 50)
    examination.run(content)
    assert (decode(CODECS[1], content) is None) == bool(examination.found)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "age (years)": st.integers(0, 130),
                "country": st.sampled_from(["de", "fr", None]),
                "weight": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
                "vip": st.booleans(),
                "remark": st.text(
                    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
                ),
                "stars": st.integers(1, 3),
            }
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_every_value_arrives_when_records_are_right(
    records: list[dict[str, Any]], ascii_only: bool
) -> None:
    content = json.dumps({"records": records}, ensure_ascii=ascii_only).encode()
    question = CODECS[1].decode(content)
    assert question.numeric is not None
    assert question.text is not None
    for row, record in enumerate(records):
        age, weight, vip, stars = question.numeric[row].tolist()
        assert (age, bool(vip), stars) == (record["age (years)"], record["vip"], record["stars"])
        assert math.isnan(weight) if record["weight"] is None else weight == record["weight"]
        assert question.text[row].tolist() == [record["country"] or "", record["remark"]]
