"""Makes and removes model servers: states of a release, and whole candidates and rolls."""

from __future__ import annotations

from servery.domain.release_records import ReleaseRecord
from servery.edge.release import carry_out, observed, tell_ending
from servery.edge.steps import step
from servery.usecases.release import place_servers, run_release
from servery.usecases.release.messages import Do, Progress, StateEvent
from servery.wiring import release as wiring


@step(StateEvent)
@observed("run")
def handler(event: StateEvent) -> Progress | ReleaseRecord:
    """One state of a release; without one, a candidate or a roll whole.

    When a whole one raises, Lambda calls again, twice.
    """
    ports = wiring.release_ports()
    if event.do is Do.RUN:
        return carry_out(event, lambda model, release: run_release(model, release, ports))
    return tell_ending(place_servers(event, ports))
