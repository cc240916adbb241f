"""Requests in the records form."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS, boxes
from servery.domain.inference import Form
from servery.domain.serving import Limits
from servery.domain.signature import Dtype
from servery.edge.inference import Codec
from servery.errors import InvalidInputError, MalformedError, RejectedError, TooLargeError

FLOWER_CODEC = Codec(FLOWERS, Limits())
GUEST_CODEC = Codec(GUESTS, Limits())


def body(*records: Any, **more: Any) -> bytes:
    return json.dumps({"records": list(records), **more}).encode()


def refusal(codec: Codec, content: bytes) -> dict[str, str]:
    """Field to message of a body that has to be refused with 422."""
    with pytest.raises(InvalidInputError) as caught:
        codec.decode(content)
    assert caught.value.violations
    return {violation.field: violation.message for violation in caught.value.violations}


def test_numbers_come_in_signature_order_when_the_keys_do_not() -> None:
    question = FLOWER_CODEC.decode(body(dict(reversed(FLOWER.items())), FLOWER, id="a"))
    assert question.form is Form.RECORDS
    assert question.rows == 2
    assert question.id == "a"
    assert question.text is None
    assert question.numeric is not None
    assert question.numeric.dtype == np.float32
    np.testing.assert_array_equal(
        question.numeric, np.array([[5.1, 3.5, 1.4, 0.2]] * 2, np.float32)
    )


def test_every_dtype_lands_in_its_matrix_when_they_are_mixed() -> None:
    question = GUEST_CODEC.decode(body(GUEST, {**GUEST, "vip": False, "age (years)": 41.0}))
    assert question.numeric is not None
    assert question.text is not None
    assert question.numeric.tolist() == [[40, 71.5, 1, 2], [41, 71.5, 0, 2]]
    assert question.text.tolist() == [["de", GUEST["remark"]]] * 2


def test_null_becomes_nan_or_the_empty_text_when_a_column_is_nullable() -> None:
    question = GUEST_CODEC.decode(body({**GUEST, "weight": None, "country": None}))
    assert question.numeric is not None
    assert question.text is not None
    assert math.isnan(question.numeric[0, 1])
    assert question.text[0, 0] == ""


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("age (years)", True, "is not a whole number"),
        ("age (years)", "40", "is not a whole number"),
        ("age (years)", 40.5, "is not a whole number"),
        ("age (years)", None, "may not be null"),
        ("age (years)", -1, "is out of range; allowed is 0 to 130 a"),
        ("age (years)", 10**30, "is out of range; allowed is 0 to 130 a"),
        ("age (years)", 10**400, "is out of range; allowed is 0 to 130 a"),
        ("age (years)", [1], "is not a whole number"),
        ("weight", True, "is not a number"),
        ("weight", "71", "is not a number"),
        ("weight", {"kg": 71}, "is not a number"),
        ("weight", 1e39, "is too large for a 32-bit float"),
        ("weight", -(10**39), "is too large for a 32-bit float"),
        ("weight", 10**400, "is too large for a 32-bit float"),
        ("weight", math.nan, "is not a finite number"),
        ("weight", math.inf, "is not a finite number"),
        ("weight", -math.inf, "is not a finite number"),
        ("vip", 1, "is not true or false"),
        ("vip", None, "may not be null"),
        ("country", "uk", "is none of the allowed values: de, fr"),
        ("country", "", "is none of the allowed values: de, fr"),
        ("country", 1, "is not text"),
        ("remark", None, "may not be null"),
        ("remark", "a\0b", "holds a NUL character"),
        ("remark", "\ud800", "holds half of a surrogate pair, which is no character"),
        ("stars", 4, "is none of the allowed values: 1, 2, 3"),
        ("stars", "2", "is not a whole number"),
    ],
)
def test_the_field_is_named_when_its_value_is_not_acceptable(
    column: str, value: Any, message: str
) -> None:
    found = refusal(GUEST_CODEC, body(GUEST, {**GUEST, column: value}))
    assert found == {f"records[1].{column}": message}


def test_number_is_refused_when_json_itself_overflows() -> None:
    content = body(GUEST).replace(b"71.5", b"1e400")
    assert refusal(GUEST_CODEC, content) == {"records[0].weight": "is not a finite number"}


def test_digits_without_end_are_refused_when_no_integer_could_hold_them() -> None:
    content = body(GUEST).replace(b"71.5", b"-1" + b"0" * 10_000)
    assert list(refusal(GUEST_CODEC, content)) == ["records[0].weight"]


def test_all_mistakes_are_told_when_there_are_several() -> None:
    wrong = {**FLOWER, "sepal_length": "x", "petal_width": 11, "colour": "red"}
    del wrong["petal_length"]
    assert refusal(FLOWER_CODEC, body(FLOWER, wrong, 7)) == {
        "records[1].colour": "is no input of this model",
        "records[1].sepal_length": "is not a number",
        "records[1].petal_length": "is missing",
        "records[1].petal_width": "is out of range; allowed is 0 to 10 cm",
        "records[2]": "is not an object",
    }


def test_twenty_mistakes_are_told_when_there_are_more() -> None:
    found = refusal(FLOWER_CODEC, body(*[{**FLOWER, "sepal_width": 99}] * 500))
    assert len(found) == 20


def test_no_value_is_told_when_a_request_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        GUEST_CODEC.decode(body({**GUEST, "country": "s3cret", "remark": 5, "weight": "s3cret"}))
    assert "s3cret" not in str(caught.value) + str(caught.value.violations)


@pytest.mark.parametrize("escape", [False, True])
def test_a_repeated_column_is_refused_when_only_the_last_would_count(escape: bool) -> None:
    name = b'"sepal_width"'
    again = b'"sepal\\u005fwidth"' if escape else name
    content = body(FLOWER, FLOWER).replace(name, name + b": 1, " + again, 1)
    assert refusal(FLOWER_CODEC, content) == {"records[0].sepal_width": "is there twice"}


def test_repeated_records_are_refused_when_only_the_last_would_count() -> None:
    content = b'{"records": [], ' + body(FLOWER)[1:]
    assert refusal(FLOWER_CODEC, content) == {"records": "is there twice"}


def test_texts_full_of_quotes_pass_when_no_key_is_repeated() -> None:
    remark = '"\\""\\\\"\\n \u2603 "remark": \\u0022'
    question = GUEST_CODEC.decode(body({**GUEST, "remark": remark}, id='"\\'))
    assert question.text is not None
    assert question.text[0, 1] == remark
    assert question.id == '"\\'


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"[]", "body"),
        (b"null", "body"),
        (b"3", "body"),
        (b'"records"', "body"),
        (b"{}", "body"),
        (b'{"records": []}', "records"),
        (b'{"records": null}', "records"),
        (b'{"records": {}}', "records"),
        (b'{"records": [[]]}', "records[0]"),
        (b'{"rows": []}', "rows"),
        (body(FLOWER, inputs=[]), "body"),
        (body(FLOWER, outputs=[{"name": "class"}]), "outputs"),
        (body(FLOWER, id=1), "id"),
        (body(FLOWER, id=None), "id"),
        (body(FLOWER, parameters=[]), "parameters"),
        (body(FLOWER, extra=1), "extra"),
    ],
)
def test_the_part_is_named_when_the_envelope_is_wrong(content: bytes, field: str) -> None:
    assert field in refusal(FLOWER_CODEC, content)


def test_a_long_or_odd_name_is_shortened_when_it_is_unknown() -> None:
    found = refusal(FLOWER_CODEC, body({**FLOWER, "\ud800\n" + "x" * 10_000: 1}))
    assert len(next(iter(found))) < 100


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n ",
        b"{",
        b"{'records': []}",
        b'{"records": [}',
        b"\xef\xbb\xbf" + body(FLOWER),
        body(FLOWER) + b"x",
        body(FLOWER).decode().encode("utf-16"),
        b'{"records": ["\xff"]}',
        b'{"id": "\xed\xa0\x80"}',
        b'{"records": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"parameters": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b"[" * 300_000,
    ],
)
def test_body_is_malformed_when_it_is_no_json(content: bytes) -> None:
    with pytest.raises(MalformedError):
        FLOWER_CODEC.decode(content)


def test_a_limit_of_rows_holds_when_one_row_more_comes() -> None:
    codec = Codec(FLOWERS, Limits(max_rows=2))
    assert codec.decode(body(FLOWER, FLOWER)).rows == 2
    with pytest.raises(TooLargeError):
        codec.decode(body(FLOWER, FLOWER, FLOWER))
    with pytest.raises(TooLargeError):
        codec.decode(body(FLOWER, FLOWER, {}))


def test_a_limit_of_bytes_holds_when_one_byte_more_comes() -> None:
    codec = Codec(FLOWERS, Limits(max_body_kb=1))
    content = body(FLOWER)
    assert codec.decode(content + b" " * (1000 - len(content))).rows == 1
    with pytest.raises(TooLargeError):
        codec.decode(content + b" " * (1001 - len(content)))


def test_a_float32_at_the_limit_passes_when_its_digits_go_beyond_it() -> None:
    signature = boxes([Dtype.FLOAT])
    field = type(signature.inputs[0])(name="x0", dtype=Dtype.FLOAT, maximum=0.1)
    codec = Codec(
        type(signature)(task=signature.task, inputs=[field], output=signature.output), Limits()
    )
    assert codec.decode(body({"x0": float(np.float32(0.1))})).rows == 1
    assert refusal(codec, body({"x0": 0.1000001})) == {
        "records[0].x0": "is out of range; allowed is 0.1 or less"
    }


@pytest.mark.parametrize(("value", "fits"), [(2**63 - 1, True), (-(2**63), True), (2**63, False)])
def test_whole_numbers_end_at_64_bits_when_no_range_is_given(value: int, fits: bool) -> None:
    codec = Codec(boxes([Dtype.INT]), Limits())
    if fits:
        assert codec.decode(body({"x0": value})).rows == 1
    else:
        assert refusal(codec, body({"x0": value})) == {
            "records[0].x0": "is too large for a 64-bit integer"
        }


@pytest.mark.parametrize(
    "dtypes", [[Dtype.STRING], [Dtype.STRING] * 2, [Dtype.BOOL], [Dtype.INT, Dtype.STRING]]
)
def test_columns_keep_their_shape_when_there_are_few(dtypes: list[Dtype]) -> None:
    example = {Dtype.STRING: "a", Dtype.BOOL: True, Dtype.INT: 3}
    record = {f"x{i}": example[dtype] for i, dtype in enumerate(dtypes)}
    question = Codec(boxes(dtypes), Limits()).decode(body(record, record, record))
    shapes = [m.shape for m in (question.numeric, question.text) if m is not None]
    assert sum(width for _, width in shapes) == len(dtypes)
    assert {rows for rows, _ in shapes} == {3}


def test_refusal_is_a_rejection_when_two_thousand_columns_come_reversed() -> None:
    codec = Codec(boxes([Dtype.FLOAT] * 2000), Limits())
    record = {f"x{i}": i for i in reversed(range(2000))}
    question = codec.decode(body(record))
    assert question.numeric is not None
    assert question.numeric[0].tolist() == list(range(2000))
    with pytest.raises(RejectedError):
        codec.decode(body({**record, "x5": "no"}))
