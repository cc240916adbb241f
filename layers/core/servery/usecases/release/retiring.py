"""The state RetireOld: who fell out of use is drained, and deleted when its time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.release_order import current
from servery.domain.release_records import OPEN
from servery.domain.releases import GRACE_SECONDS
from servery.usecases.release.beginning import going
from servery.usecases.release.change import clean
from servery.usecases.release.journal import Journal
from servery.usecases.release.messages import Progress, Then

if TYPE_CHECKING:
    from servery.usecases.release.journal import ReleasePorts
    from servery.usecases.release.messages import StateEvent


def retire_old(event: StateEvent, ports: ReleasePorts) -> Progress:
    """Say who is drained, delete whose time is over, and end the release well.

    A server that nobody is sent to any more is kept for a while, since requests may be on their
    way to it. From here on the release cannot be stopped: its version answers.
    """
    record = ports.registry.release(event.model, event.release)
    if record.state not in OPEN:
        return going(event, Then.ENDED, said=f"{record.state}")
    journal = Journal(ports, record)
    deployment = current(event.model, ports.registry)
    if deployment is not None:
        draining = [retired.server.function for retired in deployment.retired]
        if draining:
            told = f"{', '.join(draining)}: asked no more, and deleted {GRACE_SECONDS:g} s later"
            journal.did("drain", told)
        clean(deployment, journal, ports)
    journal.did("done")
    journal.end()
    return going(event, Then.ENDED, said=f"{journal.record.released_as} is champion")
