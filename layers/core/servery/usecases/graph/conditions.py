"""Predicates and defaults: whether the values that an author wrote are of the right form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from servery.domain.graphs import Predicate, Step, kind_of
from servery.domain.signature import Dtype, Field
from servery.errors import Violation
from servery.usecases.graph.scope import Scope, is_request
from servery.usecases.graph.types import NUMBERS, Answers, Value, listing


def check_predicate(predicate: Predicate, where: str, scope: Scope, who: str) -> list[Violation]:
    """What is wrong with a predicate, `where` being its field."""
    said = [predicate.equals, predicate.among, predicate.above, predicate.below]
    if all(part is None for part in said):
        return [Violation(where, "says nothing; give equals, among, above or below")]
    found = []
    low, high = predicate.above, predicate.below
    if predicate.among == []:
        found.append(Violation(f"{where}.among", "is empty, so it never holds"))
    if low is not None and high is not None and low >= high:
        found.append(Violation(where, "never holds: nothing is above and below these"))
    value = _looked_at(predicate, where, scope, who)
    if value is None:
        return found
    bounds = [name for name in ("above", "below") if getattr(predicate, name) is not None]
    if value.dtype not in NUMBERS:
        told = f"{predicate.of} is {value.dtype}, and no number"
        found += [Violation(f"{where}.{name}", told) for name in bounds]
    complaints = {"equals": complaint(value, predicate.equals)} if said[0] is not None else {}
    for number, one in enumerate(predicate.among or []):
        complaints[f"among[{number}]"] = complaint(value, one)
    return found + [Violation(f"{where}.{at}", told) for at, told in complaints.items() if told]


def check_default(step: Step, where: str, answers: Answers) -> list[Violation]:
    """What is wrong with the default of a step that answers that; `where` is its field."""
    looks_up = kind_of(step) == "lookup"
    given = dict(_flat(step.default or {}, whole=looks_up))
    found = []
    for path, value in given.items():
        kind = answers.get(path) or _unit(path, answers)
        if kind is None:
            told = f"is nothing that {step.name} answers; that has {listing(answers)}"
        else:
            told = complaint(kind, value) or ""
        if told:
            found.append(Violation(f"{where}.{path}", told))
    for path in answers:
        scores, probable = _scores(path)
        # Probabilities may be left out, all of one answer or none.
        if probable and not looks_up and not any(p.startswith(scores) for p in given):
            continue
        if path not in given:
            found.append(Violation(f"{where}.{path}", "is missing"))
    return found


def complaint(kind: Value, value: object) -> str | None:
    """Why a value that an author wrote cannot be what is there; None where it can."""
    if value is None:
        return None if kind.nullable else "may not be null"
    if not _is(kind.dtype, value):
        return f"is no {kind.dtype}"
    if kind.categories is None:
        return None
    if any(type(c) is type(value) and c == value for c in kind.categories):
        return None
    return f"is none of {listing(map(str, kind.categories))}"


def _looked_at(predicate: Predicate, where: str, scope: Scope, who: str) -> Value | None:
    """The value that a predicate looks at; a column that nobody else wants takes its type."""
    if not is_request(predicate.of):
        return scope.value(f"{where}.of", predicate.of)
    column = scope.column(predicate.of)
    if column is None:
        values = [predicate.equals, *(predicate.among or [])]
        field = Field(name=who, dtype=_dtype([v for v in values if v is not None]))
        scope.want(f"{where}.of", predicate.of, field, who)
        column = scope.column(predicate.of)
    return None if column is None else Value(column.dtype, column.unit, column.nullable)


def _dtype(values: list[str | int | float | bool]) -> Dtype:
    """The type that all of some values have; numbers are float, which takes whole ones too."""
    if values and isinstance(values[0], str):
        return Dtype.STRING
    return Dtype.BOOL if values and isinstance(values[0], bool) else Dtype.FLOAT


def _is(dtype: Dtype, value: object) -> bool:
    match dtype:
        case Dtype.STRING:
            return isinstance(value, str)
        case Dtype.BOOL:
            return isinstance(value, bool)
        case Dtype.INT:
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(value: dict[str, Any], *, whole: bool, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths with their values; `whole` leaves what is nested as it is."""
    for name, inner in value.items():
        if isinstance(inner, dict) and not whole:
            yield from _flat(inner, whole=whole, path=f"{path}{name}.")
        else:
            yield f"{path}{name}", inner


def _unit(path: str, answers: Answers) -> Value | None:
    """`unit` beside a value, as a model answers it."""
    stem = path.removesuffix("unit")
    beside = answers.get(f"{stem}value") if stem != path else None
    return None if beside is None else Value(Dtype.STRING, categories=(beside.unit,))


def _scores(path: str) -> tuple[str, bool]:
    """Up to where the probabilities of the same answer start alike, and whether it is one."""
    stem, found, _ = f".{path}".partition(".probabilities.")
    return f"{stem}{found}"[1:], bool(found)
