"""One deadline for all of an exchange over a socket.

A socket's own time-out begins anew with every byte that trickles in or out; here the time that is
left is set before each step.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_PIECE_BYTES = 65536


def left(until: float) -> float:
    """Seconds until a moment of the monotonic clock.

    Raises:
        TimeoutError: it has passed.
    """
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def limit(connection: socket.socket, until: float) -> None:
    """Let the next step take the time that is left; any time where that is `math.inf`."""
    connection.settimeout(None if until == math.inf else left(until))


def send_all(connection: socket.socket, content: bytes, until: float) -> None:
    """Send everything, or raise `OSError`."""
    rest = memoryview(content)
    while rest:
        limit(connection, until)
        rest = rest[connection.send(rest[:_PIECE_BYTES]) :]
