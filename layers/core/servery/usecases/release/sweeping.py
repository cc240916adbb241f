"""Looks for releases that nobody carries on: the champion must not share its traffic with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_order import current
from servery.domain.release_records import OPEN, ReleaseKind, ReleaseState
from servery.domain.releases import LEASE_SECONDS
from servery.errors import ConflictError, FaultError, RetryableError, ServeryError, UnavailableError
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
        cleared: Those that had ended, while the last call of a state was still under way that
            brought their version to the traffic.
    """

    closed: list[str]
    expired: list[str]
    cleared: list[str]


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
        UnavailableError: releases of some models could not be looked at now; the others were.
        FaultError: those of some models cannot be; the others were.
        RetryableError: the registry cannot be asked now.
    """
    swept = Swept(closed=[], expired=[], cleared=[])
    failed: list[str] = []
    broken: list[str] = []
    for model in ports.registry.models():
        try:
            _sweep(model.name, swept, ports)
        except (RetryableError, ConflictError) as error:
            failed.append(f"{model.name} ({error})")
        except (ServeryError, msgspec.DecodeError) as error:
            broken.append(f"{model.name} ({error})")
    if broken:
        raise FaultError(f"releases of these cannot be looked at: {', '.join(broken + failed)}")
    if failed:
        raise UnavailableError(f"releases of these could not be looked at: {', '.join(failed)}")
    return swept


def _sweep(model: str, swept: Swept, ports: SweepPorts) -> None:
    """Look at the releases of one model, and add what that came to."""
    for record in ports.registry.releases(model, limit=LOOKED_AT):
        if record.kind is not ReleaseKind.RELEASE or record.state not in OPEN:
            continue
        if _has_stopped(record, ports):
            last = record.steps[-1].name if record.steps else ""
            after = f"after {last}" if last else "before its first step"
            reason = f"its execution stopped {after} and did not come back"
            if close(model, record.id, reason, ports):
                swept.closed.append(record.id)
        elif _waits_in_vain(record, ports):
            swept.expired.append(record.id)
    stray = _stray(model, ports)
    if stray:
        close(model, stray, "it had ended already", ports)
        swept.cleared.append(stray)


def _stray(model: str, ports: SweepPorts) -> str:
    """Whose version stands beside the champion, though its release has ended; empty for none.

    Stopping an execution does not stop the function that carries out its state just then.
    """
    deployment = current(model, ports.registry)
    if deployment is None or deployment.rollout is None:
        return ""
    release = deployment.rollout.release
    return "" if ports.registry.release(model, release).state in OPEN else release


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
