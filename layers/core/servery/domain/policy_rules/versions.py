"""Versions that policies name are served, and can stand in for the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.named_versions import named_versions
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Policies
    from servery.domain.policy_rules.grounds import Grounds
    from servery.domain.signature import Signature


def check_versions(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Who is named is served, is a whole model, and takes and answers what the champion does."""
    found: list[Violation] = []
    served = {s.ref.version: s for s in reversed(grounds.deployment.serving())}
    for version, paths in named_versions(policies).items():
        if grounds.half:
            message = _half(grounds)
        elif version not in served:
            message = _unserved(version, list(reversed(served)), grounds.deployment.model)
        else:
            other = grounds.manifest(served[version].ref).signature
            message = _difference(version, grounds.signature, other)
        if message:
            found.extend(Violation(path, message) for path in paths)
    return found


def _half(grounds: Grounds) -> str:
    ref = grounds.deployment.champion.ref
    return (
        f"{ref.model} is the {ref.part} of a pair, where each half answers for its own other "
        "half only; versions are named for whole models"
    )


def _unserved(version: str, served: list[str], model: str) -> str:
    return (
        f"{version} is not served; served are {', '.join(served)}; "
        f"`servery release {model} VERSION --as candidate` serves another"
    )


def _difference(version: str, champion: Signature, other: Signature) -> str:
    """What callers would notice, as a sentence; empty where they would not."""
    mine = {field.name: field.dtype for field in champion.inputs}
    its = {field.name: field.dtype for field in other.inputs}
    if mine != its:
        different = sorted(set(mine.items()) ^ set(its.items()))
        names = ", ".join(dict.fromkeys(name for name, _ in different))
        return f"{version} takes other inputs than the champion: {names}"
    if champion.task is not other.task:
        return f"{version} is a {other.task}, the champion a {champion.task}"
    if champion.output.unit != other.output.unit:
        return f"{version} answers in {other.output.unit}, the champion in {champion.output.unit}"
    if _classes(champion) != _classes(other):
        return f"{version} answers other classes than the champion"
    return ""


def _classes(signature: Signature) -> set[tuple[str, object]]:
    return {(type(value).__name__, value) for value in signature.output.classes or []}
