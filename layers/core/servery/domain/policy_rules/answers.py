"""What is answered in place of the model: fallbacks that are whole, thresholds of real classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from servery.domain.policies import Fallback, FallbackKind
from servery.domain.policy_rules.light import check_light
from servery.domain.signature import Signature, Task
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Policies
    from servery.domain.policy_rules.grounds import Grounds

_CACHED = (FallbackKind.CACHED, FallbackKind.LAST_KNOWN)
_WHOLE = (FallbackKind.DEFAULT, FallbackKind.LIGHT, FallbackKind.QUEUE)


def fallbacks(policies: Policies) -> dict[str, Fallback]:
    """The fallbacks of policies by their path."""
    found = {"routing.off": policies.routing.off}
    if policies.circuit is not None:
        found["circuit.fallback"] = policies.circuit.fallback
    return found


def check_fallbacks(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Each has what its kind needs, and nothing of another kind."""
    found: list[Violation] = []
    for field, fallback in fallbacks(policies).items():
        kind = fallback.kind
        if fallback.default is not None and kind is not FallbackKind.DEFAULT:
            found.append(Violation(f"{field}.default", f"a fallback of kind {kind} has none"))
        if fallback.model is not None and kind is not FallbackKind.LIGHT:
            found.append(Violation(f"{field}.model", f"a fallback of kind {kind} has none"))
        if kind in _CACHED and policies.cache is None:
            message = f"{kind} answers from the cache, and there is none; say cache"
            found.append(Violation(f"{field}.kind", message))
        if grounds.half and kind in _WHOLE:
            message = f"{kind} is for whole models, and this is half of a pair"
            found.append(Violation(f"{field}.kind", message))
        elif kind is FallbackKind.DEFAULT:
            found.extend(_default(f"{field}.default", fallback, grounds.signature))
        elif kind is FallbackKind.LIGHT:
            found.extend(check_light(f"{field}.model", fallback.model, grounds))
    return found


def check_threshold(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Two classes of a model that gives probabilities."""
    threshold, output = policies.routing.threshold, grounds.signature.output
    if threshold is None:
        return []
    field = "routing.threshold"
    if grounds.signature.task is not Task.CLASSIFICATION or not output.probabilities:
        return [Violation(field, "is for models that give a probability for each class")]
    sides = {"positive": threshold.positive, "otherwise": threshold.otherwise}
    found = [
        Violation(f"{field}.{name}", f"is no class of the model; {_known(grounds.signature)}")
        for name, value in sides.items()
        if not _is_class(value, grounds.signature)
    ]
    if not found and threshold.positive == threshold.otherwise:
        found.append(Violation(f"{field}.otherwise", "is the same class as positive"))
    return found


def _default(field: str, fallback: Fallback, signature: Signature) -> list[Violation]:
    row = fallback.default
    if row is None:
        return [Violation(field, "say what a row is answered")]
    classifies = signature.task is Task.CLASSIFICATION
    first = "class" if classifies else "value"
    allowed = {first, "unit"} if not classifies else {first}
    if classifies and signature.output.probabilities:
        allowed.add("probabilities")
    found = [
        Violation(f"{field}.{name}", f"a row of an answer has {', '.join(sorted(allowed))}")
        for name in row.keys() - allowed
    ]
    if first not in row:
        return [*found, Violation(f"{field}.{first}", "is missing")]
    if classifies:
        return [*found, *_class(field, row, signature)]
    if not _is_number(row["value"]):
        found.append(Violation(f"{field}.value", "is a number"))
    if row.get("unit", signature.output.unit) != signature.output.unit:
        found.append(Violation(f"{field}.unit", f"is {signature.output.unit}"))
    return found


def _class(field: str, row: dict[str, object], signature: Signature) -> list[Violation]:
    found: list[Violation] = []
    if not _is_class(row["class"], signature):
        found.append(Violation(f"{field}.class", f"is none; {_known(signature)}"))
    given = row.get("probabilities")
    if given is None:
        return found
    names = {_name(value) for value in signature.output.classes or []}
    if not isinstance(given, dict) or given.keys() != names:
        return [*found, Violation(f"{field}.probabilities", f"has {', '.join(sorted(names))}")]
    if not all(_is_number(p) and 0 <= p <= 1 for p in given.values()):
        found.append(Violation(f"{field}.probabilities", "are from 0 to 1"))
    return found


def _is_class(value: object, signature: Signature) -> bool:
    """Whether it is one; true is not 1."""
    classes = signature.output.classes or []
    return any(type(value) is type(known) and value == known for known in classes)


def _known(signature: Signature) -> str:
    names = ", ".join(_name(value) for value in signature.output.classes or [])
    return f"classes are {names}"


def _name(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
