"""What is another in a signature than in the one before, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servery.domain.signature import Field, Output, Signature

_SHOWN = 5
_VALUE = 40


def signature_changes(before: Signature, after: Signature) -> list[str]:
    """A sentence for each thing that a caller could notice; none exactly where nothing is.

    Descriptions and examples are not part of the interface.
    """
    said = []
    if before.task != after.task:
        said.append(f"the task is {after.task}, was {before.task}")
    said += _inputs(before.inputs, after.inputs)
    said += _output(before.output, after.output)
    return said


def _inputs(before: Sequence[Field], after: Sequence[Field]) -> Iterator[str]:
    old, new = {f.name: f for f in before}, {f.name: f for f in after}
    yield from (f"input {_short(name)} is gone" for name in old if name not in new)
    yield from (
        f"input {_short(name)} is new ({f.dtype}{_unit(f.unit)})"
        for name, f in new.items()
        if name not in old
    )
    for name in (name for name in new if name in old):
        yield from (f"input {_short(name)} {told}" for told in _field(old[name], new[name]))
    names = [f.name for f in before if f.name in new], [f.name for f in after if f.name in old]
    if names[0] != names[1]:
        yield "the inputs have another order"


def _field(before: Field, after: Field) -> Iterator[str]:
    if before.dtype != after.dtype:
        yield f"is {after.dtype}, was {before.dtype}"
    if before.unit != after.unit:
        yield f"is in {_short(after.unit)}, was in {_short(before.unit)}"
    if (before.minimum, before.maximum) != (after.minimum, after.maximum):
        yield f"may be {_range(after)}, was {_range(before)}"
    yield from _values("takes", before.categories, after.categories)
    if before.nullable != after.nullable:
        yield "may be missing now" if after.nullable else "may no longer be missing"


def _output(before: Output, after: Output) -> Iterator[str]:
    if before.name != after.name:
        yield f"the output is {_short(after.name)}, was {_short(before.name)}"
    if before.dtype != after.dtype:
        yield f"the output is {after.dtype}, was {before.dtype}"
    if before.unit != after.unit:
        yield f"the output is in {_short(after.unit)}, was in {_short(before.unit)}"
    yield from (f"the output {t}" for t in _values("has", before.classes, after.classes))
    if before.probabilities != after.probabilities:
        now = "probabilities now" if after.probabilities else "no probabilities any more"
        yield f"the output has {now}"
    yield from (f"the output {t}" for t in _values("gives", before.features, after.features))


def _values(
    verb: str, before: Sequence[object] | None, after: Sequence[object] | None
) -> Iterator[str]:
    """Values by their type too: 1 and true are different answers."""
    old, new = _typed(before), _typed(after)
    if old == new:
        return
    if old is None or new is None:
        yield f"{verb} {'any value now' if new is None else _some(after or ())}"
        return
    gone = [v for v, k in zip(before or (), old, strict=True) if k not in new]
    come = [v for v, k in zip(after or (), new, strict=True) if k not in old]
    if come:
        yield f"{verb} {_some(come)} too"
    if gone:
        yield f"no longer {verb} {_some(gone)}"
    if not come and not gone:
        yield f"{verb} its values in another order"


def _typed(values: Sequence[object] | None) -> list[tuple[str, object]] | None:
    return None if values is None else [(type(value).__name__, value) for value in values]


def _some(values: Sequence[object]) -> str:
    shown = ", ".join(_short(str(value)) for value in values[:_SHOWN]) or "nothing"
    left = len(values) - _SHOWN
    return f"{shown} and {left} more" if left > 0 else shown


def _range(field: Field) -> str:
    if field.minimum is None and field.maximum is None:
        return "any number"
    low = "any" if field.minimum is None else f"{field.minimum:.15g}"
    high = "any" if field.maximum is None else f"{field.maximum:.15g}"
    return f"{low} to {high}"


def _unit(unit: str) -> str:
    return "" if unit == "1" else f", {_short(unit)}"


def _short(text: str) -> str:
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 3]}..."
