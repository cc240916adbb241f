"""The signature: what of it is written, and what counts."""

from __future__ import annotations

import msgspec
from servery.domain.digest import digest_value
from servery.domain.signature import Dtype, Field, Output, Signature, Task

WHOLE = Signature(
    task=Task.REGRESSION,
    inputs=[Field(name="age", dtype=Dtype.INT, unit="a", example=30)],
    output=Output(name="height", dtype=Dtype.FLOAT),
)
# As servers that were published before there were pairs know it; they refuse other fields.
WRITTEN = {
    "name": "height",
    "dtype": "float",
    "unit": "1",
    "classes": None,
    "probabilities": False,
}


def _prepares(*names):
    output = Output(name="features", dtype=Dtype.FLOAT, features=list(names))
    return Signature(task=Task.PREPROCESSING, inputs=WHOLE.inputs, output=output)


def test_output_is_written_as_before_there_were_pairs_when_a_model_is_whole():
    assert msgspec.to_builtins(WHOLE)["output"] == WRITTEN
    assert msgspec.json.decode(msgspec.json.encode(WHOLE), type=Signature) == WHOLE


def test_signature_is_read_when_it_was_written_with_or_without_features():
    plain = msgspec.to_builtins(WHOLE)

    assert msgspec.convert(plain, Signature) == WHOLE
    assert msgspec.convert({**plain, "output": {**WRITTEN, "features": None}}, Signature) == WHOLE


def test_digest_is_that_of_the_fields_known_before_pairs_when_a_model_is_whole():
    (age,) = msgspec.to_builtins(WHOLE)["inputs"]
    interface = {k: v for k, v in age.items() if k not in ("description", "example")}

    assert WHOLE.digest() == digest_value(
        {"task": "regression", "inputs": [interface], "output": WRITTEN}
    )


def test_another_interface_is_told_when_features_have_other_names():
    assert msgspec.to_builtins(_prepares("a", "b"))["output"]["features"] == ["a", "b"]
    assert _prepares("a", "b").digest() == _prepares("a", "b").digest()
    assert _prepares("a", "b").digest() != _prepares("b", "a").digest()
