"""A person approves or declines a release that waits for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.release_evidence import Decision
from servery.domain.release_records import ReleaseState
from servery.domain.releases import LEASE_SECONDS, release_lease
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.domain.release_evidence import ApprovalRecord
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import Clock, Registry, ReleaseExecutions, ReleaseSignals

TURN_SECONDS = 30.0
GATE = "gate"
"""Where an execution goes on that was told to: the gate looks once more, and sees the answer."""


class ApprovalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says.

    Attributes:
        approve: Whether the release may go on.
        comment: Why, for the record.
    """

    approve: bool
    comment: Annotated[str, Meta(max_length=500)] = ""


def answer_approval(
    model: str,
    release: str,
    request: ApprovalRequest,
    *,
    registry: Registry,
    signals: ReleaseSignals,
    executions: ReleaseExecutions,
    clock: Clock,
) -> ReleaseRecord:
    """Write a person's answer into the record of a release, and let the release go on.

    The same answer again does no harm; it reaches an execution that the first did not reach. One
    that is approved has the lease of the model from here on, so that no other change, which might
    take longer than the release could wait, comes between the answer and its next state.

    Raises:
        NotFoundError: there is no such release.
        ConflictError: it waits for nobody's approval, was answered otherwise, or expired; or it
            is to be approved while another change of the model is under way.
        RetryableError: it could not be told; the same call again may.
    """
    decision = Decision.APPROVED if request.approve else Decision.DECLINED
    # Two who answer at once must not each find that nobody has.
    turn, owner = f"approval/{release}", f"{decision}"
    try:
        registry.take_lease(turn, owner, seconds=TURN_SECONDS)
    except ConflictError as error:
        raise ConflictError(f"somebody else is answering {release} just now") from error
    record = registry.release(model, release)
    now = clock.now()
    approval = _awaited(record, decision, now)
    if request.approve:
        try:
            registry.take_lease(release_lease(model), release, seconds=LEASE_SECONDS)
        except ConflictError as error:
            registry.end_lease(turn, owner)  # nothing was answered; whoever declines may, at once
            why = f"another change of {model} is under way; approve {release} once it has ended"
            raise ConflictError(f"{why}: {error}") from error
    if approval.decision is None:
        answered = msgspec.structs.replace(
            approval, decision=decision, answered=now.isoformat(), comment=request.comment
        )
        record = msgspec.structs.replace(record, approval=answered)
        try:
            registry.put_release(record)
        except ConflictError:  # it has ended meanwhile, and has given back a lease of before
            registry.end_lease(release_lease(model), release)
            raise
    try:
        executions.go_on(
            signals.token(model, release), {"model": model, "release": release, "then": GATE}
        )
    except ConflictError:
        # One that was told before goes on with this very lease, and gives it back at its end.
        if not (record.execution and executions.is_running(record.execution)):
            registry.end_lease(release_lease(model), release)
        raise
    return record


def _awaited(record: ReleaseRecord, decision: Decision, now: datetime) -> ApprovalRecord:
    """The approval that a release waits for.

    Raises:
        ConflictError: it waits for none, or not for this answer.
    """
    release, approval = record.id, record.approval
    if record.state is not ReleaseState.WAITING or approval is None:
        raise ConflictError(f"release {release} waits for nobody's approval; it is {record.state}")
    if approval.decision not in (None, decision):
        raise ConflictError(f"release {release} has been {approval.decision} already")
    if datetime.fromisoformat(approval.until) <= now:
        raise ConflictError(f"the approval of {release} was waited for until {approval.until}")
    return approval
