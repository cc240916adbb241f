"""The head of an HTTP answer with one deadline for all of it."""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse

from servery.adapters.deadlines import left


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
