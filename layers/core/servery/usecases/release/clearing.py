"""Clears away what a release left that nobody carries on: its route is taken out first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_records import OPEN, ReleaseState
from servery.domain.releases import is_crowned
from servery.domain.rollouts import without_rollout
from servery.errors import ConflictError, NotFoundError
from servery.usecases.release.change import alter
from servery.usecases.release.journal import Journal

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.release_records import ReleaseRecord
    from servery.usecases.release.journal import RecordPorts


def withdraw(
    model: str, release: str, why: str, ports: RecordPorts, *, keep: bool = False
) -> Deployment | None:
    """Let the champion answer alone again, where it is this release that stands beside it.

    Args:
        model: Name of the model.
        release: Id of the release.
        why: What the change of the deployment is.
        ports: What it is done with.
        keep: Whether the version stays a candidate.

    Returns:
        The deployment as it is now; None where there is none.
    """

    def alone(now: Deployment | None) -> Deployment | None:
        if now is None or now.rollout is None or now.rollout.release != release:
            return now
        return without_rollout(now, now=ports.clock.now().timestamp(), reason=why, keep=keep)

    return alter(model, alone, ports)


def close(model: str, release: str, reason: str, ports: RecordPorts) -> ReleaseRecord | None:
    """End a release that nobody carries on, as what it came to.

    Args:
        model: Name of the model.
        release: Its id.
        reason: Why nobody does.
        ports: What it is done with.

    Returns:
        The record as it ended; None where there is none, or where it had ended before.
    """
    try:
        record = ports.registry.release(model, release)
    except NotFoundError:
        record = None
    stood = record is not None and record.stood
    begun = _has_route(model, release, ports)
    deployment = withdraw(model, release, f"cleared {release}: {reason}", ports, keep=stood)
    if record is None or record.state not in OPEN:
        return None
    state = ReleaseState.ROLLED_BACK if begun else ReleaseState.FAILED
    if is_crowned(record, deployment):
        state, reason = ReleaseState.SUCCEEDED, ""
        record = msgspec.structs.replace(record, released_as=record.production)
    journal = Journal(ports, record)
    try:
        journal.end(reason, state)
    except ConflictError:
        return None  # it has ended meanwhile
    return journal.record


def _has_route(model: str, release: str, ports: RecordPorts) -> bool:
    try:
        rollout = ports.registry.deployment(model).rollout
    except NotFoundError:
        return False
    return rollout is not None and rollout.release == release
