"""Stops a release: its version leaves the traffic at once, and what it made is removed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.release_order import current
from servery.domain.release_records import OPEN, ReleaseKind, ReleaseState
from servery.domain.releases import did, ended, is_crowned, release_lease
from servery.domain.rollouts import without_rollout
from servery.errors import ConflictError, NotFoundError
from servery.usecases.registry.approving import GATE

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import Clock, Registry, ReleaseExecutions, ReleaseSignals

TRIES = 5


class AbortRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says.

    Attributes:
        reason: Why the release is to stop, for the record.
    """

    reason: Annotated[str, Meta(max_length=500)] = ""


def abort_release(
    model: str,
    release: str,
    request: AbortRequest,
    *,
    registry: Registry,
    signals: ReleaseSignals,
    executions: ReleaseExecutions,
    clock: Clock,
) -> ReleaseRecord:
    """Ask a release to stop, and take its version out of the traffic now.

    The execution finds the mark at its next state, removes what was made and ends the record;
    one that waits for an approval is woken for it. Where nothing carries the release out any
    more, the record is ended here; as a success where the version was crowned before that.

    Returns:
        The record as it is now.

    Raises:
        NotFoundError: there is no such release.
        ConflictError: it has ended, or is none that can be stopped.
        RetryableError: the registry does not take it now.
    """
    record = registry.release(model, release)
    if record.kind is not ReleaseKind.RELEASE:
        raise ConflictError(f"a release of kind {record.kind} ends by itself within minutes")
    if record.state not in OPEN:
        raise ConflictError(f"release {release} has ended: {record.state}")
    reason = request.reason or "a person asked for it"
    signals.ask_abort(model, release, reason)
    _take_out(record, registry, clock)
    if record.execution and executions.is_running(record.execution):
        if record.state is ReleaseState.WAITING:
            with suppress(ConflictError):  # it has gone on by itself
                executions.go_on(
                    signals.token(model, release),
                    {"model": model, "release": release, "then": GATE},
                )
    elif record.execution:
        _end(record, reason, registry, clock)
    return registry.release(model, release)


def _take_out(record: ReleaseRecord, registry: Registry, clock: Clock) -> None:
    """Let the champion answer alone, however often others change the deployment meanwhile."""
    for left in reversed(range(TRIES)):
        try:
            before = registry.deployment(record.model)
        except NotFoundError:
            return
        if before.rollout is None or before.rollout.release != record.id:
            return
        now = clock.now()
        why = f"{record.kind} {record.id}: stopped"
        after = without_rollout(before, now=now.timestamp(), reason=why, keep=record.stood)
        after = msgspec.structs.replace(after, changed=now.isoformat())
        try:
            registry.put_deployment(after)
        except ConflictError:
            if not left:
                raise
        else:
            return


def _end(record: ReleaseRecord, reason: str, registry: Registry, clock: Clock) -> None:
    """End the record as what it came to: a version that is champion by now stays it."""
    now = clock.now()
    if is_crowned(record, current(record.model, registry)):
        crowned = msgspec.structs.replace(record, released_as=record.production)
        registry.put_release(ended(crowned, now=now))
    else:
        told = f"it was stopped: {reason}"
        stopped = ended(did(record, "abort", now=now, detail=reason), now=now, reason=told)
        registry.put_release(msgspec.structs.replace(stopped, state=ReleaseState.ABORTED))
    registry.end_lease(release_lease(record.model), record.id)
