"""The two halves of an HTTP exchange with one deadline for all of it.

A socket's own time-out begins anew with every byte that trickles in; here the time that is left
is set before each step.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse

_PIECE_BYTES = 65536


def left(until: float) -> float:
    """Seconds until a moment of the monotonic clock; `TimeoutError` once it has passed."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def send_all(connection: socket.socket, content: bytes, until: float) -> None:
    """Send everything, or raise `OSError`."""
    rest = memoryview(content)
    while rest:
        connection.settimeout(left(until))
        rest = rest[connection.send(rest[:_PIECE_BYTES]) :]


def read_status(connection: socket.socket, until: float) -> int:
    """The status of an answer to a POST; its body stays where it is.

    Raises:
        OSError: the connection broke, or the time is up.
        HTTPException: it is no HTTP, or its head has no end.
    """
    response = HTTPResponse(_Timed(connection, until), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        return response.status
    finally:
        response.close()


class _Timed(io.RawIOBase):
    """A connection as a file, with a deadline."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection = connection
        self._until = until

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - what HTTPResponse asks
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connection.settimeout(left(self._until))
        return self._connection.recv_into(buffer)
