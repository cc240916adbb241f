"""Looks for releases that nobody carries on: the champion must not share its traffic with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_records import OPEN, ReleaseKind, ReleaseState
from servery.domain.releases import LEASE_SECONDS
from servery.errors import ConflictError
from servery.usecases.release.clearing import close
from servery.usecases.release.journal import RecordPorts

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import ReleaseExecutions

LOOKED_AT = 5
"""The last releases of a model that are looked at; one is under way, others may wait."""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The event of the schedule; nothing of it is read."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to.

    Attributes:
        closed: The releases that nobody carried on.
        expired: Those whose approval nobody gave in time.
    """

    closed: list[str]
    expired: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPorts(RecordPorts):
    """What a look works with.

    Attributes:
        executions: Of the state machine that carries releases out.
    """

    executions: ReleaseExecutions


def sweep(ports: SweepPorts) -> Swept:
    """Close what stopped without a word, and wake what waits for an approval in vain.

    An execution that was stopped or ran out of time says nothing; its route is taken out, and the
    record says that it stopped. What it published goes with the next release of the model.

    Raises:
        RetryableError: the registry cannot be asked now.
    """
    closed, expired = [], []
    for model in ports.registry.models():
        for record in ports.registry.releases(model.name, limit=LOOKED_AT):
            if record.kind is not ReleaseKind.RELEASE or record.state not in OPEN:
                continue
            if _has_stopped(record, ports):
                last = record.steps[-1].name if record.steps else ""
                after = f"after {last}" if last else "before its first step"
                reason = f"its execution stopped {after} and did not come back"
                if close(model.name, record.id, reason, ports):
                    closed.append(record.id)
            elif _waits_in_vain(record, ports):
                expired.append(record.id)
    return Swept(closed=closed, expired=expired)


def _has_stopped(record: ReleaseRecord, ports: SweepPorts) -> bool:
    if record.execution:
        return not ports.executions.is_running(record.execution)
    begun = datetime.fromisoformat(record.started)
    return (ports.clock.now() - begun).total_seconds() >= LEASE_SECONDS


def _waits_in_vain(record: ReleaseRecord, ports: SweepPorts) -> bool:
    """Let an execution go on whose approval has expired; its gate sees that it has."""
    approval = record.approval
    if record.state is not ReleaseState.WAITING or approval is None:
        return False
    if datetime.fromisoformat(approval.until) > ports.clock.now():
        return False
    try:
        ports.executions.go_on(
            ports.signals.token(record.model, record.id),
            {"model": record.model, "release": record.id, "then": "gate"},
        )
    except ConflictError:
        return False  # it has gone on meanwhile
    return True
