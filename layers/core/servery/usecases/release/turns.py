"""Waits for a lease that several releases need for a moment each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servery.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from servery.usecases.release.journal import RecordPorts

WAIT_SECONDS = 90.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


@contextmanager
def turn(lease: str, owner: str, ports: RecordPorts, *, seconds: float) -> Iterator[None]:
    """Hold a lease, once others have let go of it.

    Args:
        lease: Its name.
        owner: Who takes it; one that is ours already is renewed.
        ports: What the release works with.
        seconds: How long it lasts where nobody gives it back.

    Raises:
        UnavailableError: others do not let go of it.
    """
    started, pause = ports.clock.now(), FIRST_PAUSE
    while True:
        try:
            ports.registry.take_lease(lease, owner, seconds=seconds)
            break
        except ConflictError as error:
            if (ports.clock.now() - started).total_seconds() + pause > WAIT_SECONDS:
                raise UnavailableError(f"other releases are under way: {error}") from error
        ports.pause(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    try:
        yield
    finally:
        ports.registry.end_lease(lease, owner)
