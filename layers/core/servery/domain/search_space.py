"""Spaces of parameters: what a candidate leaves open, and a candidate with everything chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.digest import digest_value
from servery.errors import InvalidSpecError, Violation

if TYPE_CHECKING:
    from servery.domain.search_spec import Candidate

_KINDS = frozenset({"int", "float", "choice"})
_KEYS = _KINDS | {"log", "step"}
_ENDS = 2
_SLACK = 1e-9  # of a step: 0.1 + 0.1 + 0.1 is still 0.3
MOST_VALUES = 10_000
"""Values of one space that can be counted."""
LARGEST = 2**53
"""The whole number up to which fractions tell all whole numbers apart."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers from `low` to `high`, both inclusive.

    Attributes:
        whole: Whether they are whole.
        low: The lowest, and
        high: the highest.
        log: Whether each order of magnitude counts the same.
        step: What lies between two of them; with `log`, the factor between two of them. None
            for all of them.
    """

    whole: bool
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def values(self) -> list[Any] | None:
        """All values in their order, where they can be counted."""
        if self.step is not None:
            return self._stepped(self.step)
        count = int(self.high) - int(self.low) + 1
        if not self.whole or self.log or count > MOST_VALUES:
            return None
        return list(range(int(self.low), int(self.high) + 1))

    def at(self, place: float) -> Any:  # noqa: ANN401 - int or float
        """The value at a place between 0 and 1, of a space without a step."""
        if self.whole:
            # Each whole number has a share of its own, the ends too.
            low, high = self.low - 0.5, self.high + 0.5
            drawn = round(_between(low, high, place, log=self.log))
            return int(min(max(drawn, self.low), self.high))
        return min(max(_between(self.low, self.high, place, log=self.log), self.low), self.high)

    def _stepped(self, step: float) -> list[Any]:
        if self.log:
            count = int(math.log(self.high / self.low) / math.log(step) + _SLACK) + 1
            found = [self.low * step**index for index in range(count)]
        else:
            count = int((self.high - self.low) / step + _SLACK) + 1
            found = [self.low + step * index for index in range(count)]
        return [round(value) if self.whole else _tidy(value) for value in found]


@dataclass(frozen=True, slots=True)
class Choices:
    """One of some values, in no order."""

    options: tuple[Any, ...]

    def values(self) -> list[Any]:
        """All values."""
        return list(self.options)


Space = Numbers | Choices


@dataclass(frozen=True, slots=True)
class Draw:
    """A candidate with everything chosen.

    Attributes:
        candidate: Its place in the spec, from 0.
        point: What was chosen, by dimension.
    """

    candidate: int
    point: dict[str, Any]

    def key(self) -> str:
        """The same for the same draw."""
        return digest_value([self.candidate, self.point])


def is_space(value: object) -> bool:
    """Whether the value of a parameter is a space and not a value."""
    return isinstance(value, dict) and bool(_KINDS & value.keys())


def read_space(value: dict[str, Any], field: str) -> Space:
    """The space that a parameter has.

    Raises:
        InvalidSpecError: it is none; the sentence says why.
    """
    kinds = sorted(_KINDS & value.keys())
    if len(kinds) != 1 or value.keys() - _KEYS:
        raise _wrong(field, "is one of {int: [low, high]}, {float: [low, high]}, {choice: [...]}")
    kind = kinds[0]
    if kind == "choice":
        return _choices(value, field)
    return _numbers(value, kind, field)


def dimensions(candidate: Candidate, field: str = "") -> dict[str, Space]:
    """What a candidate leaves open, by name, in the order of the spec.

    Raises:
        InvalidSpecError: one of them is no space.
    """
    found: dict[str, Space] = {}
    for name, value in candidate.params.items():
        if is_space(value):
            found[name] = read_space(value, f"{field}params.{name}")
    for where, params in _steps(candidate.preprocessing):
        for name, value in params.items():
            if is_space(value):
                found[f"{where}.{name}"] = read_space(value, f"{field}{where}.params.{name}")
    return found


def filled(
    candidate: Candidate, point: dict[str, Any]
) -> tuple[dict[str, Any], str | list[dict[str, Any]] | None]:
    """The parameters and the preprocessing of a candidate with everything chosen."""
    params = {name: point.get(name, value) for name, value in candidate.params.items()}
    preprocessing = candidate.preprocessing
    if not isinstance(preprocessing, list):
        return params, preprocessing
    whole = msgspec.json.decode(msgspec.json.encode(preprocessing))
    for where, step in _steps(whole):
        for name in step:
            step[name] = point.get(f"{where}.{name}", step[name])
    return params, whole


def _steps(preprocessing: object) -> list[tuple[str, dict[str, Any]]]:
    """The parameters of each step, with the place of the step."""
    found: list[tuple[str, dict[str, Any]]] = []
    for group, columns in enumerate(preprocessing if isinstance(preprocessing, list) else []):
        steps = columns.get("steps") if isinstance(columns, dict) else None
        for number, step in enumerate(steps if isinstance(steps, list) else []):
            params = step.get("params") if isinstance(step, dict) else None
            if isinstance(params, dict):
                found.append((f"preprocessing[{group}].steps[{number}]", params))
    return found


def _choices(value: dict[str, Any], field: str) -> Choices:
    options = value["choice"]
    if len(value) > 1 or not isinstance(options, list) or not options:
        raise _wrong(field, "a choice is a list of values, and nothing beside it")
    if len({digest_value(option) for option in options}) < len(options):
        raise _wrong(field, "has a value twice")
    return Choices(tuple(options))


def _numbers(value: dict[str, Any], kind: str, field: str) -> Numbers:
    log, step = value.get("log", False), value.get("step")
    whole = kind == "int"
    low, high = _ends(value[kind], field, whole=whole)
    if not isinstance(log, bool):
        raise _wrong(field, "log is true or false")
    if log and low <= 0:
        raise _wrong(field, "with log, both ends are above 0")
    if step is not None and not (_is_number(step) and step > (1 if log else 0)):
        raise _wrong(field, "step is above 0; with log it is a factor, above 1")
    if step is not None and whole and not isinstance(step, int):
        raise _wrong(field, "the step of whole numbers is whole")
    if step is not None and _count(low, high, step, log=log) > MOST_VALUES:
        raise _wrong(field, f"has more than {MOST_VALUES} steps")
    return Numbers(whole, low, high, log, step)


def _ends(ends: object, field: str, *, whole: bool) -> tuple[float, float]:
    kind = "int" if whole else "float"
    if not isinstance(ends, list) or len(ends) != _ENDS or not all(map(_is_number, ends)):
        raise _wrong(field, f"{kind} is [low, high], both finite numbers")
    if whole and not all(isinstance(end, int) for end in ends):
        raise _wrong(field, "int is [low, high], both whole")
    if whole and any(abs(end) > LARGEST for end in ends):
        raise _wrong(field, f"int is [low, high], both between -{LARGEST} and {LARGEST}")
    low, high = ends
    if not low < high:
        raise _wrong(field, "the low end is below the high one; say a value where they are equal")
    if not math.isfinite(float(high) - float(low)):
        raise _wrong(field, "the ends are too far apart")
    return low, high


def _count(low: float, high: float, step: float, *, log: bool) -> float:
    return math.log(high / low) / math.log(step) if log else (high - low) / step


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no fraction is near to
        return False


def _between(low: float, high: float, place: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
    return low + place * (high - low)


def _tidy(value: float) -> float:
    """Without what binary fractions leave behind: 0.3 and not 0.30000000000000004."""
    return float(f"{value:.12g}")


def _wrong(field: str, message: str) -> InvalidSpecError:
    return InvalidSpecError("a space is not valid", (Violation(field, message),))
