"""Requests in the form of the Open Inference Protocol."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS, boxes
from msgspec.structs import replace
from servery.domain.inference import Form
from servery.domain.serving import Limits
from servery.domain.signature import Dtype
from servery.edge.inference import Codec
from servery.errors import InvalidInputError, TooLargeError

FLOWER_CODEC = Codec(FLOWERS, Limits())
GUEST_CODEC = Codec(GUESTS, Limits())
DATATYPE = {Dtype.FLOAT: "FP64", Dtype.INT: "INT32", Dtype.BOOL: "BOOL", Dtype.STRING: "BYTES"}


def packed(data: Any, shape: list[int], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": "input", "shape": shape, "datatype": datatype, "data": data}


def named(record: dict[str, Any] = GUEST, rows: int = 1, **changed: Any) -> list[dict[str, Any]]:
    dtypes = {field.name: field.dtype for field in GUESTS.inputs}
    return [
        {
            "name": name,
            "shape": [rows],
            "datatype": DATATYPE[dtypes[name]],
            "data": [changed.get(name, value)] * rows,
        }
        for name, value in record.items()
    ]


def body(*tensors: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": list(tensors), **more}).encode()


def refusal(codec: Codec, content: bytes) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        codec.decode(content)
    return {violation.field: violation.message for violation in caught.value.violations}


@pytest.mark.parametrize(
    "data", [[*FLOWER.values(), *FLOWER.values()], [list(FLOWER.values())] * 2]
)
def test_packed_rows_are_read_when_the_data_is_flat_or_nested(data: list[Any]) -> None:
    question = FLOWER_CODEC.decode(body(packed(data, [2, 4]), id="abc"))
    assert question.form is Form.TENSORS
    assert question.numeric is not None
    assert (
        question.numeric.round(3).tolist()
        == FLOWER_CODEC.decode(json.dumps({"records": [FLOWER, FLOWER]}).encode())
        .numeric.round(3)
        .tolist()
    )  # type: ignore[union-attr]
    assert question.id == "abc"


def test_rows_equal_those_of_the_records_form_when_every_dtype_is_there() -> None:
    tensors = GUEST_CODEC.decode(body(*reversed(named(rows=3))))
    records = GUEST_CODEC.decode(json.dumps({"records": [GUEST] * 3}).encode())
    assert tensors.numeric is not None
    assert tensors.text is not None
    assert records.numeric is not None
    assert records.text is not None
    assert tensors.numeric.tolist() == records.numeric.tolist()
    assert tensors.text.tolist() == records.text.tolist()


def test_a_column_of_shape_n_by_one_is_read_when_it_is_nested_or_flat() -> None:
    tensors = named(rows=2)
    for tensor in tensors[::2]:
        tensor["shape"] = [2, 1]
        tensor["data"] = [[value] for value in tensor["data"]]
    for tensor in tensors[1::2]:
        tensor["shape"] = [2, 1]
    assert GUEST_CODEC.decode(body(*tensors)).rows == 2


def test_null_is_read_when_a_column_is_nullable() -> None:
    question = GUEST_CODEC.decode(body(*named(weight=None, country=None)))
    assert question.numeric is not None
    assert question.text is not None
    assert math.isnan(question.numeric[0, 1])
    assert question.text[0, 0] == ""


@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("INT8", -128, -129),
        ("UINT8", 255, 256),
        ("INT16", 32767, 32768),
        ("UINT16", 65535, -1),
        ("INT32", 2**31 - 1, 2**31),
        ("UINT32", 2**32 - 1, 2**32),
        ("INT64", 2**63 - 1, 2**63),
        ("UINT64", 2**64 - 1, 2**64),
        ("INT32", 3.0, 3.5),
        ("FP16", 65504, 65505),
        ("FP32", 3.4e38, 3.5e38),
        ("FP64", -3.4e38, -1e300),
        ("FP64", 1, True),
        ("FP64", 1, "1"),
        ("FP64", 1, None),
        ("FP64", 1, math.nan),
        ("FP64", 1, math.inf),
        ("FP64", 1, 10**400),
        ("FP64", 1, [1]),
        ("INT64", 1, {}),
    ],
)
def test_numbers_must_fit_their_datatype_when_they_fit_the_column(
    datatype: str, good: Any, bad: Any
) -> None:
    codec = Codec(boxes([Dtype.FLOAT, Dtype.FLOAT]), Limits())
    assert codec.decode(body(packed([good, 1], [1, 2], datatype))).rows == 1
    assert list(refusal(codec, body(packed([1, 1, 1, bad], [2, 2], datatype)))) == [
        "inputs[0].data[3]"
    ]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("vip", 1, "vip is not true or false"),
        ("country", "uk", "country is none of the allowed values: de, fr"),
        ("country", 3, "country is not text"),
        ("remark", None, "remark may not be null"),
        ("stars", 7, "stars is none of the allowed values: 1, 2, 3"),
        ("age (years)", 131, "age (years) is out of range; allowed is 0 to 130 a"),
        ("age (years)", 1.5, "age (years) is not a whole number"),
    ],
)
def test_the_element_is_named_when_its_value_is_not_acceptable(
    column: str, value: Any, message: str
) -> None:
    index = list(GUEST).index(column)
    found = refusal(GUEST_CODEC, body(*named(**{column: value})))
    assert found == {f"inputs[{index}].data[0]": message}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"shape": [2, 4]}, "inputs[0].data"),
        ({"shape": [4]}, "inputs[0].shape"),
        ({"shape": [1, 2, 2]}, "inputs[0].shape"),
        ({"shape": [4, 1]}, "inputs[0].shape"),
        ({"shape": []}, "inputs[0].shape"),
        ({"shape": [0, 4], "data": []}, "inputs[0].shape"),
        ({"shape": [-1, 4]}, "inputs[0].shape"),
        ({"shape": [True, 4]}, "inputs[0].shape"),
        ({"shape": [1.0, 4]}, "inputs[0].shape"),
        ({"shape": "1,4"}, "inputs[0].shape"),
        ({"datatype": "FP8"}, "inputs[0].datatype"),
        ({"datatype": "BYTES"}, "inputs[0].datatype"),
        ({"datatype": "BOOL"}, "inputs[0].datatype"),
        ({"datatype": 7}, "inputs[0].datatype"),
        ({"name": "inputs"}, "inputs[0].name"),
        ({"name": None}, "inputs[0].name"),
        ({"data": [[1, 2], [3, 4]]}, "inputs[0].data"),
        ({"data": [[1, 2, 3]]}, "inputs[0].data"),
        ({"data": [[1, 2, 3, [4]]]}, "inputs[0].data[3]"),
        ({"data": [1, 2, 3, [4]]}, "inputs[0].data[3]"),
        ({"data": "AAAA"}, "inputs[0].data"),
        ({"data": {}}, "inputs[0].data"),
        ({"parameters": []}, "inputs[0].parameters"),
        ({"extra": 1}, "inputs[0].extra"),
    ],
)
def test_the_part_is_named_when_a_tensor_is_wrong(change: dict[str, Any], field: str) -> None:
    tensor = {**packed([1, 2, 3, 4], [1, 4]), **change}
    assert field in refusal(FLOWER_CODEC, body(tensor))


def test_each_part_is_named_when_it_is_missing() -> None:
    assert refusal(FLOWER_CODEC, body({"parameters": {"binary_data_size": 16}})) == {
        f"inputs[0].{part}": "is missing" for part in ("name", "shape", "datatype", "data")
    }


def test_columns_are_named_when_they_are_missing_or_there_twice() -> None:
    tensors = named()
    found = refusal(GUEST_CODEC, body(*tensors[:-2], tensors[0]))
    assert found["inputs[4].name"] == "age (years) is there twice"
    assert found["inputs"] == "the tensor stars is missing"


def test_packed_input_is_refused_when_the_model_takes_text() -> None:
    assert "inputs[0].name" in refusal(GUEST_CODEC, body(packed([1] * 6, [1, 6])))


def test_packed_null_is_read_when_its_column_alone_is_nullable() -> None:
    nullable, plain = boxes([Dtype.FLOAT, Dtype.INT]).inputs
    signature = replace(
        boxes([Dtype.FLOAT, Dtype.INT]), inputs=[replace(nullable, nullable=True), plain]
    )
    codec = Codec(signature, Limits())
    question = codec.decode(body(packed([None, 1, 0.5, 2], [2, 2])))

    assert question.numeric is not None
    assert question.numeric[:, 1].tolist() == [1, 2]
    assert math.isnan(question.numeric[0, 0])
    assert list(refusal(codec, body(packed([0.5, None], [1, 2])))) == ["inputs[0].data[1]"]


def test_packed_bools_are_zero_or_one_when_they_stand_among_numbers() -> None:
    codec = Codec(boxes([Dtype.FLOAT, Dtype.BOOL, Dtype.INT]), Limits())
    question = codec.decode(body(packed([0.5, 1, 7], [1, 3])))
    assert question.numeric is not None
    assert question.numeric.tolist() == [[0.5, 1, 7]]
    assert refusal(codec, body(packed([0.5, 2, 7.5], [1, 3]))) == {
        "inputs[0].data[1]": "x1 is neither 0 nor 1",
        "inputs[0].data[2]": "x2 is not a whole number",
    }


def test_packed_bools_are_read_when_all_columns_are_bool() -> None:
    codec = Codec(boxes([Dtype.BOOL, Dtype.BOOL]), Limits())
    question = codec.decode(body(packed([[True, False]], [1, 2], "BOOL")))
    assert question.numeric is not None
    assert question.numeric.tolist() == [[1, 0]]


def test_rows_must_agree_when_tensors_come_by_name() -> None:
    tensors = named()
    tensors[1] = named(rows=2)[1]
    assert list(refusal(GUEST_CODEC, body(*tensors))) == ["inputs[1].shape"]


def test_rows_are_limited_when_a_shape_claims_many() -> None:
    with pytest.raises(TooLargeError):
        FLOWER_CODEC.decode(body(packed([], [10**12, 4])))


def test_wanted_outputs_are_kept_in_order_when_they_exist() -> None:
    wanted = [{"name": "probabilities", "parameters": {"binary_data": False}}, {"name": "class"}]
    tensor = {**packed([1, 2, 3, 4], [1, 4]), "parameters": {"content_type": 'np "x"'}}
    question = FLOWER_CODEC.decode(body(tensor, outputs=wanted, parameters={"a": {"b": ['"']}}))
    assert question.outputs == ("probabilities", "class")


@pytest.mark.parametrize(
    ("outputs", "field"),
    [
        ([{"name": "classes"}], "outputs[0].name"),
        ([{"name": "class"}, {"name": "class"}], "outputs[1].name"),
        ([{"name": 1}], "outputs[0].name"),
        ([{}], "outputs[0].name"),
        (["class"], "outputs[0]"),
        ("class", "outputs"),
        ([{"name": "class", "parameters": 1}], "outputs[0].parameters"),
    ],
)
def test_the_output_is_named_when_it_is_wrong(outputs: Any, field: str) -> None:
    assert field in refusal(FLOWER_CODEC, body(packed([1, 2, 3, 4], [1, 4]), outputs=outputs))


def test_a_repeated_key_is_refused_when_only_the_last_would_count() -> None:
    content = body(packed([1, 2, 3, 4], [1, 4])).replace(b'"data"', b'"data": [9], "data"')
    assert refusal(FLOWER_CODEC, content) == {"inputs[0].data": "is there twice"}


@pytest.mark.parametrize("inputs", [[], {}, None, [1], [[]], "x"])
def test_inputs_are_refused_when_they_are_no_tensors(inputs: Any) -> None:
    refusal(FLOWER_CODEC, json.dumps({"inputs": inputs}).encode())
