"""The release of a registered version."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import model_servers, object_store, registry, server_publisher
from servery.wiring.settings import SystemClock

if TYPE_CHECKING:
    from servery.usecases.release import ReleasePorts

__all__ = [
    "release_ports",
]


@cache
def release_ports() -> ReleasePorts:
    """What a release works with."""
    from servery.usecases.release import ReleasePorts

    return ReleasePorts(
        registry=registry(),
        objects=object_store(),
        publisher=server_publisher(),
        servers=model_servers(),
        clock=SystemClock(),
        pause=time.sleep,
    )
