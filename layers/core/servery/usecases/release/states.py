"""Which use case each state of the machine is, by the function that carries it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.errors import FaultError
from servery.usecases.release.beginning import begin
from servery.usecases.release.crowning import crown_version
from servery.usecases.release.gating import wait_for_approval
from servery.usecases.release.giving_up import give_up
from servery.usecases.release.messages import Do
from servery.usecases.release.retiring import retire_old
from servery.usecases.release.staging import start_stage
from servery.usecases.release.standing_beside import stand_beside

if TYPE_CHECKING:
    from servery.usecases.release.journal import RecordPorts, ReleasePorts
    from servery.usecases.release.messages import Progress, StateEvent

_ROUTES = {
    Do.BEGIN: begin,
    Do.ASK: wait_for_approval,
    Do.START_STAGE: start_stage,
    Do.CROWN: crown_version,
}
_SERVERS = {
    Do.PUT_UP: stand_beside,
    Do.RETIRE: retire_old,
    Do.ROLL_BACK: give_up,
}


def route(event: StateEvent, ports: RecordPorts) -> Progress:
    """A state that changes records only, and no server; see there for what it raises."""
    if event.do not in _ROUTES:
        raise FaultError(f"{event.do} is no state that changes records only")
    return _ROUTES[event.do](event, ports)


def place_servers(event: StateEvent, ports: ReleasePorts) -> Progress:
    """A state that makes or removes model servers; see there for what it raises."""
    if event.do not in _SERVERS:
        raise FaultError(f"{event.do} is no state that makes or removes servers")
    return _SERVERS[event.do](event, ports)
