"""A lighter model that answers in place of a refused one: it is there, it fits, it ends there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.policies import FallbackKind
from servery.domain.signature import Signature, Task
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Policies
    from servery.domain.policy_rules.grounds import Grounds


def check_light(field: str, name: str | None, grounds: Grounds) -> list[Violation]:
    """Another whole model that is deployed, takes what this one takes, and does not lead back."""
    message = _objection(name, grounds)
    return [Violation(field, message)] if message else []


def _objection(name: str | None, grounds: Grounds) -> str:
    if name is None:
        return "say which model answers"
    model = grounds.deployment.model
    if name == model:
        return "is this model itself"
    light = grounds.other(name)
    if light is None:
        return f"nobody answers for {name}; release it first"
    if light.champion.ref.part is not None:
        return f"{name} is half of a pair, and does not answer alone"
    signature = grounds.manifest(light.champion.ref).signature
    return _misfit(name, signature, grounds.signature) or _way_back(name, grounds)


def _misfit(name: str, light: Signature, own: Signature) -> str:
    mine = {field.name: field.dtype for field in own.inputs}
    missing = [f.name for f in light.inputs if mine.get(f.name) != f.dtype]
    if missing:
        return f"{name} takes what this model does not: {', '.join(missing[:5])}"
    if light.task is not own.task:
        return f"{name} is a {light.task}, and this model a {own.task}"
    if own.task is Task.REGRESSION and light.output.unit != own.output.unit:
        return f"{name} answers in {light.output.unit}, and this model in {own.output.unit}"
    mine_answered = {(type(v), v) for v in own.output.classes or []}
    if not {(type(v), v) for v in light.output.classes or []} <= mine_answered:
        return f"{name} answers classes that this model does not have"
    return ""


def _way_back(name: str, grounds: Grounds) -> str:
    """Say so where the light model's own light fallbacks lead to this one."""
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        at = ahead.pop()
        if at == grounds.deployment.model:
            return f"{name} has a light fallback of its own that leads back to this model"
        deployment = None if at in seen else grounds.other(at)
        seen.add(at)
        if deployment is not None:
            ahead.extend(_lights(deployment.policies))
    return ""


def _lights(policies: Policies) -> list[str]:
    given = [policies.routing.off]
    if policies.circuit is not None:
        given.append(policies.circuit.fallback)
    return [f.model for f in given if f.kind is FallbackKind.LIGHT and f.model is not None]
