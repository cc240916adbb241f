"""The release of a registered version."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import (
    model_servers,
    object_store,
    registry,
    release_executions,
    release_queue,
    release_signals,
    server_publisher,
)
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, entropy, setting

if TYPE_CHECKING:
    from servery.ports import HeldOut, Judge
    from servery.usecases.release import RecordPorts, ReleasePorts
    from servery.usecases.release.sweeping import SweepPorts

__all__ = [
    "SystemClock",
    "entropy",
    "held_out",
    "judge",
    "object_store",
    "record_ports",
    "registry",
    "release_ports",
    "release_queue",
    "sweep_ports",
]


@cache
def release_ports() -> ReleasePorts:
    """What a state works with that makes or removes model servers."""
    from servery.usecases.release import ReleasePorts

    return ReleasePorts(
        registry=registry(),
        objects=object_store(),
        signals=release_signals(),
        publisher=server_publisher(),
        servers=model_servers(),
        clock=SystemClock(),
        pause=time.sleep,
    )


@cache
def record_ports() -> RecordPorts:
    """What every other state works with."""
    from servery.usecases.release import RecordPorts

    return RecordPorts(
        registry=registry(),
        objects=object_store(),
        signals=release_signals(),
        clock=SystemClock(),
        pause=time.sleep,
    )


@cache
def sweep_ports() -> SweepPorts:
    """What the look for stopped releases works with."""
    from servery.usecases.release.sweeping import SweepPorts

    return SweepPorts(
        registry=registry(),
        objects=object_store(),
        signals=release_signals(),
        executions=release_executions(),
        clock=SystemClock(),
        pause=time.sleep,
    )


@cache
def held_out() -> HeldOut:
    """Asks the champion with the rows that a training held out."""
    from servery.adapters.npz_datasets import NpzDataSets
    from servery.usecases.release.held_out import ServerHeldOut

    return ServerHeldOut(NpzDataSets(object_store()), model_servers())


@cache
def judge() -> Judge:
    """Judges by what the lake has."""
    from functools import partial

    from servery.adapters.lake_objects import LakeObjects
    from servery.usecases.release.judging import judge as judge_by

    patience = Patience(connect_s=2, read_s=10, attempts=4)
    lake = LakeObjects(clients.s3(patience), setting("LAKE_BUCKET"))
    return partial(judge_by, lake=lake, clock=SystemClock())
