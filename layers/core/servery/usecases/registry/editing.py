"""Changes the policies of a deployment: checked as a whole, then written as the next revision."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.deployment import Deployment
from servery.domain.deployment_settings import said_by_spec, settled
from servery.domain.experiments import with_segments
from servery.domain.manifest import MANIFEST, Manifest, ModelRef, read_manifest
from servery.domain.policies import Policies
from servery.domain.policy_rules import Grounds, broken_rules
from servery.domain.release_order import current
from servery.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from servery.ports import Clock, ObjectStore, Registry


class PoliciesRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller says.

    Attributes:
        revision: Of the deployment that the change is made to.
        policies: All of them; what is left out is as it is without policies.
        reason: Why, for the history of the deployment.
        give_up_online: Whether it is meant that the champion costs more than its online budget
            and therefore refuses synchronous traffic.
    """

    revision: Annotated[int, Meta(ge=1)]
    policies: Policies
    reason: Annotated[str, Meta(max_length=500)] = ""
    give_up_online: bool = False


def edit_policies(
    model: str,
    request: PoliciesRequest,
    *,
    registry: Registry,
    objects: ObjectStore,
    clock: Clock,
) -> Deployment:
    """Check policies and put them in force.

    No lease is taken: a release that is under way does not hold up a change, and makes its own
    on top of it. What was wrong before, such as a class that the present champion does not have,
    is not held against a change of something else; and the kill switch is never held up.

    Returns:
        The deployment as it is now; the one there was where the policies are the same.

    Raises:
        NotFoundError: nothing of the model is released.
        ConflictError: the deployment has changed since that revision.
        InvalidInputError: the policies do not hold together; every field that is wrong is named.
    """
    before = registry.deployment(model)
    if request.revision != before.revision:
        raise ConflictError(
            f"the deployment of {model} is at revision {before.revision}, and the change was made "
            f"to revision {request.revision}; read it again, and make the change to that"
        )
    policies = _as_forgotten(with_segments(request.policies, before.policies), before)
    if policies == before.policies:
        return before
    after = msgspec.structs.replace(
        before,
        revision=before.revision + 1,
        policies=policies,
        generation=policies.cache.generation if policies.cache else before.generation,
        changed=clock.now().isoformat(),
        reason=f"policies: {request.reason}" if request.reason else "policies",
    )
    if not _only_switched(before.policies, policies):
        grounds = _grounds(before, request, registry, objects)
        _check(policies, grounds)
        after = settled(after, *said_by_spec(grounds.champion))
    registry.put_deployment(after)
    return after


def _as_forgotten(policies: Policies, before: Deployment) -> Policies:
    """The policies with the generation of the cache that there was, where they say none."""
    cache, last = policies.cache, before.policies.cache
    if cache is None or cache.generation:
        return policies
    generation = max(before.generation, last.generation if last is not None else 0)
    known = msgspec.structs.replace(cache, generation=generation)
    return msgspec.structs.replace(policies, cache=known)


def _only_switched(before: Policies, after: Policies) -> bool:
    routing = msgspec.structs.replace(after.routing, active=before.routing.active)
    return msgspec.structs.replace(after, routing=routing) == before


def _check(policies: Policies, grounds: Grounds) -> None:
    known = broken_rules(grounds.deployment.policies, grounds)
    violations = [v for v in broken_rules(policies, grounds) if v not in known]
    if violations:
        first = violations[0]
        raise InvalidInputError(
            f"the policies are not acceptable: {first.field}: {first.message}", tuple(violations)
        )


def _grounds(
    deployment: Deployment, request: PoliciesRequest, registry: Registry, objects: ObjectStore
) -> Grounds:
    @cache
    def manifest(ref: ModelRef) -> Manifest:
        return read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref)

    @cache
    def other(model: str) -> Deployment | None:
        return current(model, registry)

    return Grounds(deployment, manifest, other, online_given_up=request.give_up_online)
