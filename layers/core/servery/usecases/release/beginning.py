"""Begins a release, or takes it up again, once nothing of an earlier one stands in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.release_order import current
from servery.domain.release_records import OPEN
from servery.errors import ConflictError
from servery.usecases.release.clearing import close
from servery.usecases.release.journal import FIRST_STEP, Journal
from servery.usecases.release.messages import Progress, Then

if TYPE_CHECKING:
    from servery.usecases.release.journal import RecordPorts
    from servery.usecases.release.messages import StateEvent


def begin(event: StateEvent, ports: RecordPorts) -> Progress:
    """Take the lease, note the execution, and clear away what a stopped release left.

    Whoever brought another version to the traffic had the lease, and has it no more: it stopped.

    Raises:
        ConflictError: it has ended, it is to stop, or another release has the lease.
    """
    journal = opened(event, ports)
    attempt = f"attempt {journal.attempts + 1}"
    journal.did(FIRST_STEP, attempt, execution=event.execution or journal.record.execution)
    deployment = current(event.model, ports.registry)
    rollout = None if deployment is None else deployment.rollout
    if rollout is not None and rollout.release != event.release:
        stale = f"it stopped, and release {event.release} has taken over"
        close(event.model, rollout.release, stale, ports)
        journal.did("clear", f"release {rollout.release} had stopped; its version was taken out")
    return going(event, Then.GATE)


def opened(event: StateEvent, ports: RecordPorts) -> Journal:
    """The journal of a release that goes on.

    Raises:
        ConflictError: it has ended, or somebody has asked it to stop.
        NotFoundError: there is no such release.
    """
    record = ports.registry.release(event.model, event.release)
    if record.state not in OPEN:
        raise ConflictError(f"the release {record.id} has ended already: {record.state}")
    journal = Journal(ports, record)
    journal.check_wanted()
    return journal


def going(event: StateEvent, then: Then, seconds: int = 0, said: str = "") -> Progress:
    """Where the release of an event goes on."""
    return Progress(model=event.model, release=event.release, then=then, seconds=seconds, said=said)
