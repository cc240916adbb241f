"""What is about persons is hashed or left out of what is logged, field by field."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from servery.domain.personal import (
    Personal,
    Treatment,
    all_omitted,
    key_hash,
    masked_input,
    masked_output,
    merged,
)
from servery.domain.spec import personal

OMIT, HASH = Treatment.OMIT, Treatment.HASH
SEX_AND_ZIP = Personal(fields={"sex": OMIT, "zip": HASH}, inputs=["age", "sex", "zip"])


def hashed(name: str, value: object) -> str:
    return f"{name}#{value}"


def in_log(document, about=SEX_AND_ZIP):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    masked = masked_input(content, about, hashed)
    return None if masked is None else json.loads(masked)


class TestInput:
    def test_other_fields_stay_when_it_has_records(self):
        rows = [
            {"age": 30, "sex": 1, "zip": "8001"},
            {"age": 31, "sex": 2, "zip": None},
            {"age": 1},
        ]
        assert in_log({"id": "a", "records": rows}) == {
            "id": "a",
            "records": [{"age": 30, "zip": "zip#8001"}, {"age": 31, "zip": None}, {"age": 1}],
        }

    def test_other_tensors_stay_when_there_is_one_each(self):
        def tensor(name, data, shape):
            return {"name": name, "shape": shape, "datatype": "INT64", "data": data}

        age = tensor("age", [1, 2], [2])
        zipped = tensor("zip", [[3], [4]], [2, 1])
        asked = {"inputs": [age, tensor("sex", [1, 2], [2, 1]), zipped]}
        hashes = {**zipped, "datatype": "BYTES", "data": [["zip#3"], ["zip#4"]]}
        assert in_log(asked) == {"inputs": [age, hashes]}

    @pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
    def test_other_columns_stay_when_they_are_packed(self, data):
        tensor = {"name": "input", "shape": [2, 3], "datatype": "FP32", "data": data}
        masked = in_log({"inputs": [tensor]})["inputs"][0]["data"]
        assert masked == [1, None, "zip#3", 4, None, "zip#6"]

    @pytest.mark.parametrize(
        "document",
        [
            b"no json {",
            b"\xff",
            [1],
            {},
            {"records": [1]},
            {"records": {"sex": 1}},
            {"inputs": [1]},
            {"inputs": [{"name": "sex", "data": [1]}]},
            {"inputs": [{"name": "input", "shape": [2, 2], "data": [1, 2, 3, 4]}]},
            {"inputs": [{"name": "input", "shape": [1], "data": "x"}]},
            {"inputs": [{"shape": [1]}]},
        ],
    )
    def test_it_is_left_out_whole_when_it_is_not_understood(self, document):
        assert in_log(document) is None

    def test_it_is_left_out_whole_when_nobody_says_which_field(self):
        assert in_log({"records": [{"age": 1}]}, Personal()) is None

    def test_it_is_left_out_whole_when_the_columns_of_a_packed_one_are_not_known(self):
        tensor = {"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
        about = merged([SEX_AND_ZIP, Personal(inputs=["zip", "sex", "age"])])
        assert in_log({"inputs": [tensor]}, about) is None

    def test_nothing_of_the_value_is_left_when_a_key_is_repeated(self):
        body = b'{"records":[{"sex":12345,"age":1,"sex":67890}]}'
        masked = masked_input(body, SEX_AND_ZIP, hashed)
        assert b"12345" not in masked
        assert b"67890" not in masked


class TestOutput:
    ROWS: ClassVar = {
        "model": "m",
        "predictions": [{"class": "a", "probabilities": {"a": 0.9, "b": 0.1}}],
    }
    TENSORS: ClassVar = {
        "outputs": [
            {"name": "class", "shape": [1], "datatype": "BYTES", "data": ["a"]},
            {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": [0.9, 0.1]},
        ]
    }

    def masked(self, document, target):
        content = json.dumps(document).encode()
        masked = masked_output(content, Personal(target=target), hashed)
        return None if masked is None else json.loads(masked)

    def test_nothing_of_it_stays_when_it_is_left_out(self):
        assert self.masked(self.ROWS, OMIT) == {"model": "m", "predictions": [{}]}
        assert self.masked(self.TENSORS, OMIT) == {"outputs": []}

    def test_the_hash_alone_stays_when_it_is_hashed(self):
        assert self.masked(self.ROWS, HASH)["predictions"] == [{"class": "class#a"}]
        assert self.masked(self.TENSORS, HASH)["outputs"] == [
            {"name": "class", "shape": [1], "datatype": "BYTES", "data": ["class#a"]}
        ]
        value = {"predictions": [{"value": 1.5, "unit": "kg"}]}
        assert self.masked(value, HASH)["predictions"] == [{"unit": "kg", "value": "value#1.5"}]

    @pytest.mark.parametrize("document", [{"steps": []}, [1], {"predictions": ["a"]}])
    def test_it_is_left_out_whole_when_it_is_not_understood(self, document):
        assert self.masked(document, HASH) is None

    def test_it_is_left_out_whole_when_nobody_says_how(self):
        assert self.masked(self.ROWS, None) is None


class TestHash:
    KEY = b"k" * 32

    def test_same_value_has_the_same_text_when_it_is_written_otherwise(self):
        one = key_hash(self.KEY)
        assert one("zip", 8001) == one("zip", 8001.0) == key_hash(self.KEY)("zip", 8001)
        assert len({one("zip", v) for v in (8001, "8001", 8002, True, 1.5)}) == 5

    def test_text_is_another_when_field_or_key_is(self):
        one = key_hash(self.KEY)("zip", 1)
        assert one.startswith("h:")
        assert one not in {key_hash(self.KEY)("sex", 1), key_hash(b"other")("zip", 1)}


class TestMarks:
    COLUMNS: ClassVar = [
        {"name": "age"},
        {"name": "sex", "personal": True},
        {"name": "zip", "personal": "hash"},
        {"name": "ill", "role": "target", "personal": "hash"},
    ]

    def test_true_leaves_out_and_hash_hashes_when_a_spec_says_so(self):
        spec = {"data": {"columns": self.COLUMNS}}
        found = personal(spec, ["age", "sex", "zip"])
        assert found == Personal(
            fields={"sex": OMIT, "zip": HASH}, target=HASH, inputs=["age", "sex", "zip"]
        )

    def test_no_field_is_named_when_the_model_takes_others(self):
        assert personal({"data": {"columns": self.COLUMNS}}, ["f0", "f1"]).fields == {}

    def test_what_one_leaves_out_is_left_out_when_models_differ(self):
        both = merged([SEX_AND_ZIP, Personal(fields={"zip": OMIT}, target=HASH, inputs=["zip"])])
        assert both == Personal(fields={"sex": OMIT, "zip": OMIT}, target=HASH)

    def test_nothing_is_hashed_when_there_is_no_key(self):
        about = Personal(fields={"zip": HASH}, target=HASH, inputs=["zip"])
        assert all_omitted(about) == Personal(fields={"zip": OMIT}, target=OMIT, inputs=["zip"])
