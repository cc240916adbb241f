"""Documents that are answered to a request, changed or made without a model.

Everything that is not changed stays as it was written, to the letter: numbers are never read
and written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from servery.domain.asked import flat
from servery.domain.datatypes import DATATYPE_OF
from servery.domain.signature import Task
from servery.errors import ModelServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from servery.domain.asked import Asked
    from servery.domain.policies import Threshold
    from servery.domain.signature import Signature

CLASS = "class"
VALUE = "value"
PROBABILITIES = "probabilities"

_encode = msgspec.json.Encoder().encode
_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_rows = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_scores = msgspec.json.Decoder(dict[str, float]).decode
_numbers = msgspec.json.Decoder(list[Any]).decode


def stamp(document: str, **said: object) -> str:
    """A document that says of itself what is given: `served_by`, `cache`, `degraded`, ...

    In the tensors form that stands in its parameters.
    """
    parts = _parts(document)
    own = {name: Raw(_encode(value)) for name, value in said.items()}
    if "outputs" not in parts:
        last = {name: parts.pop(name) for name in ("predictions",) if name in parts}
        return _encode({**parts, **own, **last}).decode()
    parameters = {**_parts(parts.get("parameters", Raw(b"{}"))), **own}
    return _encode({**parts, "parameters": parameters}).decode()


def decide(document: str, threshold: Threshold, classes: Callable[[], Sequence[object]]) -> str:
    """The document with the classes that a threshold makes of the probabilities in it.

    Args:
        document: As the model answered it, in either form, with its probabilities.
        threshold: Which class is answered from which probability on.
        classes: Gives all classes of the model in the order of the probabilities, which tensors
            alone need.

    Raises:
        ModelServerError: it has no such probabilities.
    """
    try:
        parts = _parts(document)
        if "predictions" in parts:
            decided: object = _decide_rows(_rows(parts["predictions"]), threshold)
            return _encode({**parts, "predictions": decided}).decode()
        outputs = _decide_tensors(_rows(parts["outputs"]), threshold, classes())
        return _encode({**parts, "outputs": outputs}).decode()
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise ModelServerError("the answer has no probabilities for the threshold") from error


def without(document: str, output: str) -> str:
    """A document of tensors that lacks one of its outputs."""
    parts = _parts(document)
    if "outputs" not in parts:
        return document
    name = _encode(output)
    outputs = [one for one in _rows(parts["outputs"]) if bytes(one["name"]) != name]
    return _encode({**parts, "outputs": outputs}).decode()


def default_answer(
    default: Mapping[str, Any], asked: Asked, signature: Signature, said: Mapping[str, Any]
) -> str:
    """The document that gives each row of a request the same answer.

    Args:
        default: What a row is answered in the records form.
        asked: The request, with at least one row; its form is that of the answer.
        signature: Of the model that does not answer.
        said: What the document says of itself; `model` and `model_version` among it.
    """
    own = asked.document or {}
    name = {"id": own["id"]} if isinstance(own.get("id"), str) else {}
    if asked.records is not None:
        row = {**default, "model_version": said["model_version"]}
        if signature.task is Task.REGRESSION:
            row = {VALUE: default[VALUE], "unit": signature.output.unit, **row}
        return _encode({**name, **said, "predictions": [row] * asked.rows}).decode()
    model = {"model_name": said["model"], "model_version": said["model_version"]}
    parameters = {key: value for key, value in said.items() if key not in {"model", *model}}
    listed = own.get("outputs")
    asked_for = listed if isinstance(listed, list) else []
    named = [one.get("name") for one in asked_for if isinstance(one, dict)]
    wanted = [one for one in named if isinstance(one, str)]
    outputs = _default_tensors(default, asked.rows, signature)
    chosen = [outputs[one] for one in wanted or outputs if one in outputs]
    return _encode({**model, **name, "parameters": parameters, "outputs": chosen}).decode()


def _decide_rows(rows: list[dict[str, Raw]], threshold: Threshold) -> list[dict[str, Raw]]:
    positive = _name_of(threshold.positive)
    answers = _answers(threshold)
    return [
        {**row, CLASS: answers[_scores(row[PROBABILITIES])[positive] >= threshold.at]}
        for row in rows
    ]


def _decide_tensors(
    outputs: list[dict[str, Raw]], threshold: Threshold, classes: Sequence[object]
) -> list[dict[str, Raw]]:
    by_name = {msgspec.json.decode(one["name"], type=str): one for one in outputs}
    place = next(i for i, each in enumerate(classes) if _is_same(each, threshold.positive))
    scores = flat(_numbers(by_name[PROBABILITIES]["data"]))[place :: len(classes)]
    answers = _answers(threshold)
    if CLASS in by_name:
        data = _encode([answers[score >= threshold.at] for score in scores])
        by_name[CLASS] = {**by_name[CLASS], "data": Raw(data)}
    return list(by_name.values())


def _answers(threshold: Threshold) -> tuple[Raw, Raw]:
    """What is answered below the threshold, and from it on."""
    return Raw(_encode(threshold.otherwise)), Raw(_encode(threshold.positive))


def _name_of(value: object) -> str:
    """The name by which a class has its probability."""
    return value if isinstance(value, str) else _encode(value).decode()


def _is_same(value: object, other: object) -> bool:
    return isinstance(value, bool) is isinstance(other, bool) and value == other


def _default_tensors(
    default: Mapping[str, Any], rows: int, signature: Signature
) -> dict[str, dict[str, Any]]:
    """The outputs that a default answer has, by name."""
    output = signature.output
    if signature.task is Task.REGRESSION:
        return {VALUE: _tensor(VALUE, [rows], "FP32", [default[VALUE]] * rows)}
    datatype = DATATYPE_OF[output.dtype]
    outputs = {CLASS: _tensor(CLASS, [rows], datatype, [default[CLASS]] * rows)}
    scores = default.get(PROBABILITIES)
    if scores:
        classes = output.classes or []
        data = [scores.get(_name_of(each), 0.0) for each in classes] * rows
        outputs[PROBABILITIES] = _tensor(PROBABILITIES, [rows, len(classes)], "FP32", data)
    return outputs


def _tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}
