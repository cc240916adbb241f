"""The state RollBack: the champion answers alone again, what was made goes, the record says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import servers_of
from servery.domain.judging import Verdict as Judged
from servery.domain.release_evidence import Decision, Verdict
from servery.domain.release_records import OPEN, ReleaseState
from servery.domain.releases import is_crowned
from servery.domain.rollout import RolloutStage
from servery.errors import ConflictError, ServeryError
from servery.usecases.release.beginning import going
from servery.usecases.release.clearing import withdraw
from servery.usecases.release.image import image_key
from servery.usecases.release.journal import Journal
from servery.usecases.release.messages import Progress, Then
from servery.usecases.release.rolling import publish_ids

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.usecases.release.journal import ReleasePorts
    from servery.usecases.release.messages import Caught, StateEvent

_BRANCHES = frozenset({"RejectedError", "RetryableError", "FaultError"})


def give_up(event: StateEvent, ports: ReleasePorts) -> Progress:
    """Take the route out, remove what was made, and write how and why the release ended.

    Its server goes at once where nobody was sent to it, and otherwise when requests on their way
    have ended. A version that is champion already stays: what failed came after it.

    Raises:
        RetryableError: the registry does not take it now.
    """
    record = ports.registry.release(event.model, event.release)
    if record.state not in OPEN:
        return _ended(event, record)
    journal = Journal(ports, record)
    state, reason = _ending(record, event.error, ports)
    try:
        journal.take_lease()
        deployment = withdraw(
            event.model, record.id, f"{journal.reason}: {state}", ports, keep=record.stood
        )
        if is_crowned(record, deployment):
            state, reason = ReleaseState.SUCCEEDED, ""
        else:
            keep = [] if deployment is None else servers_of(deployment)
            ports.publisher.sweep(event.model, keep)
            for publish_id in publish_ids(record):
                ports.objects.delete(image_key(event.model, publish_id))
    except ConflictError:
        reason += "; another release has taken over"
    except ServeryError as error:
        reason += f"; what it made could not be removed yet: {error}"
    try:
        journal.did("roll_back", reason)
        journal.end(reason, state)
    except ConflictError:
        # Another has the lease, or the same release ran twice, and the other run has ended it.
        journal.close(reason, state)
    return _ended(event, ports.registry.release(event.model, event.release))


def _ended(event: StateEvent, record: ReleaseRecord) -> Progress:
    then = Then.FAULT if record.state is ReleaseState.FAILED else Then.ENDED
    return going(event, then, said=f"{record.state}: {record.reason}" if record.reason else "")


def _ending(
    record: ReleaseRecord, error: Caught | None, ports: ReleasePorts
) -> tuple[ReleaseState, str]:
    """How a release ended that does not go on, and why."""
    aborted = ports.signals.abort_reason(record.model, record.id)
    if aborted:
        return ReleaseState.ABORTED, f"it was stopped: {aborted}"
    if error is None or error.error == "States.Timeout":
        said = _said(record)
        if said is not None:
            return said
    if error is None:
        return ReleaseState.FAILED, "it ended without a reason"
    if error.error != "RejectedError":
        return ReleaseState.FAILED, _sentence(error)
    staged = any(step.name in set(RolloutStage) for step in record.steps)
    return (ReleaseState.ROLLED_BACK if staged else ReleaseState.REFUSED), _sentence(error)


def _said(record: ReleaseRecord) -> tuple[ReleaseState, str] | None:
    """What the record itself says: a judge, a person or the gate was against it."""
    judged = record.judgements[-1] if record.judgements else None
    if judged is not None and judged.judgement.verdict is not Judged.PASS:
        told = f"{judged.stage} {judged.share:g}: {judged.judgement.said}"
        return ReleaseState.ROLLED_BACK, told
    refused = [f.said for f in record.findings if f.verdict is Verdict.REFUSED]
    if refused:
        return ReleaseState.REFUSED, "; ".join(refused)
    approval = record.approval
    if approval is None or approval.decision is Decision.APPROVED:
        return None
    if approval.decision is Decision.DECLINED:
        comment = f": {approval.comment}" if approval.comment else ""
        return ReleaseState.REFUSED, f"a person declined it{comment}"
    return ReleaseState.REFUSED, f"nobody approved it until {approval.until}"


def _sentence(error: Caught) -> str:
    """What Lambda put into a cause: JSON with the message among much else."""
    if error.error == "States.Timeout":
        return "a step took longer than it may"
    if error.error not in _BRANCHES:
        return f"unexpected {error.error}; the log of the release has it"
    try:
        cause = msgspec.json.decode(error.cause)
    except msgspec.DecodeError:
        cause = None
    message = cause.get("errorMessage") if isinstance(cause, dict) else error.cause
    return str(message or error.error)
