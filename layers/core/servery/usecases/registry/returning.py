"""Rolls back: the last good version answers again, as soon as it has said that it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.deployment import Deployment, Served, roll_back
from servery.domain.manifest import Part
from servery.domain.readiness import ready_answer, ready_question
from servery.domain.release_order import ORDER_SECONDS, check_predictor, order_lease
from servery.errors import ConflictError, ModelServerError
from servery.usecases.registry.turns import LEASE_SECONDS, leased

if TYPE_CHECKING:
    from servery.ports import Clock, ModelServers, Registry

CALL_SECONDS = 20.0


class RollBackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may say.

    Attributes:
        reason: Why, for the history of the deployment.
    """

    reason: Annotated[str, Meta(max_length=500)] = ""


def return_to_last_good(
    model: str,
    request: RollBackRequest,
    *,
    registry: Registry,
    servers: ModelServers,
    clock: Clock,
    entropy: Callable[[], str],
) -> Deployment:
    """Make the last good version the champion again.

    Returns:
        The deployment as it is now.

    Raises:
        NotFoundError: nothing of the model is released.
        ConflictError: there is no last good version, it is not ready, or another change of the
            deployment, or of the other half of a pair, is under way.
        ReleaseOrderError: it takes the features of a preprocessor that nobody serves any more.
        RetryableError: its server did not answer in time.
    """
    target = roll_back(registry.deployment(model), reason="").champion
    if target.ref.part is Part.PREDICTOR:
        check_predictor(target.ref, target.partner, registry)
    with leased(model, "rollback", registry, clock, entropy, seconds=LEASE_SECONDS) as owner:
        _check_ready(roll_back(registry.deployment(model), reason="").champion, servers)
        told = f"{owner}: {request.reason}" if request.reason else owner
        # Read again: policies may have been changed while the server was asked.
        after = roll_back(registry.deployment(model), reason=told)
        after = msgspec.structs.replace(after, changed=clock.now().isoformat())
        _write(after, owner, registry)
    return after


def _write(after: Deployment, owner: str, registry: Registry) -> None:
    """Write the change; of a predictor while nobody changes the preprocessor of its pair.

    A preprocessor that is rolled back changes places with the last good one, so no predictor
    loses it.
    """
    ref, partner = after.champion.ref, after.champion.partner
    if ref.part is not Part.PREDICTOR:
        registry.put_deployment(after)
        return
    lease = order_lease(ref, partner)
    try:
        registry.take_lease(lease, owner, seconds=ORDER_SECONDS)
    except ConflictError as error:
        raise ConflictError(f"a change of {partner} is under way: {error}") from error
    try:
        check_predictor(ref, partner, registry)
        registry.put_deployment(after)
    finally:
        registry.end_lease(lease, owner)


def _check_ready(served: Served, servers: ModelServers) -> None:
    try:
        content = servers.call(served.server, ready_question(served.ref), timeout=CALL_SECONDS)
        answer = ready_answer(served.ref, content)
    except ModelServerError as error:
        raise ConflictError(f"the last good version cannot answer: {error}") from error
    if not answer.ready:
        raise ConflictError(f"the last good version is not ready: {answer.reason}")
