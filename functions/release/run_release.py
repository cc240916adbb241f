"""Takes a registered version to champion or to a recorded refusal."""

from __future__ import annotations

from servery.domain.records import ReleaseRecord
from servery.edge.release import ReleaseEvent, carry_out
from servery.edge.steps import step
from servery.usecases.release import run_release
from servery.wiring import release as wiring


@step(ReleaseEvent)
def handler(event: ReleaseEvent) -> ReleaseRecord:
    """Carry out one recorded release; when this raises, Lambda calls again, twice."""
    ports = wiring.release_ports()
    return carry_out(event, lambda model, release: run_release(model, release, ports))
