"""From a search as the API says it to what is drawn of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from devkit.search_study import Architecture, Axis, Study, Trial, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SPACES = ("int", "float", "choice")


def read(record: Mapping[str, Any]) -> Study:
    """A search, with as many trials as the record has."""
    trials = sorted(map(_trial, record.get("trials") or ()), key=lambda trial: trial.number)
    spec = record.get("spec") or {}
    candidates = (spec.get("search") or {}).get("candidates") or _of_trials(record)
    usual = spec.get("preprocessing")
    return Study(record, tuple(_architectures(candidates, usual)), tuple(trials))


def _of_trials(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Candidates without any space, as far as trials tell of them: the spec is gone."""
    classes = {trial["candidate"]: trial["class"] for trial in record.get("trials") or ()}
    most = max(classes, default=-1)
    return [{"class": classes.get(number, f"candidate {number}")} for number in range(most + 1)]


def _architectures(candidates: Sequence[Mapping[str, Any]], usual: Any) -> Iterator[Architecture]:  # noqa: ANN401 - "auto", groups, or nothing
    short = [candidate["class"].rpartition(".")[2] for candidate in candidates]
    count, seen = Counter(short), Counter[str]()
    for number, (name, candidate) in enumerate(zip(short, candidates, strict=True)):
        seen[name] += 1
        told = f"{name} {seen[name]}" if count[name] > 1 else name
        steps = candidate.get("preprocessing") or usual
        named = [*candidate.get("params", {}).items(), *_step_params(steps)]
        axes = [axis for key, value in named if (axis := _axis(key, value)) is not None]
        yield Architecture(number, told, tuple(axes))


def _axis(name: str, value: Any) -> Axis | None:  # noqa: ANN401 - a value, or a space
    """The axis of a space; None for what is fixed."""
    kind = next((k for k in _SPACES if isinstance(value, dict) and k in value), None)
    if kind is None:
        return None
    if kind == "choice":
        choices = tuple(dict.fromkeys(plain(each) for each in value[kind]))
        return Axis(name, 0, len(choices) - 1, choices=choices)
    low, high = value[kind]
    return Axis(name, low, high, log=bool(value.get("log")))


def _step_params(steps: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - "auto", or groups
    """The parameters of preprocessing steps by `Class.parameter`, numbered where one is twice."""
    seen = Counter[str]()
    for group in steps if isinstance(steps, list) else ():
        for step in group.get("steps", ()):
            short = step["class"].rpartition(".")[2]
            seen[short] += 1
            number = f" {seen[short]}" if seen[short] > 1 else ""
            for key, value in step.get("params", {}).items():
                yield f"{short}{number}.{key}", value


def _trial(told: Mapping[str, Any]) -> Trial:
    return Trial(
        number=told["number"],
        rung=told["rung"],
        resource=told["resource"],
        candidate=told["candidate"],
        settings={**told["params"], **dict(_step_params(told["preprocessing"]))},
        score=told["mean"],
        std=told["std"],
        scores=tuple(told["scores"]),
        state=told["state"],
        reason=told["reason"],
        seconds=told["seconds"],
        memory_mb=told["memory_mb"],
        cost_usd=told["cost_usd"],
    )
