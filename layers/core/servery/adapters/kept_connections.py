"""HTTP/1.1 with nothing around it: bytes to one address, over connections that stay open.

`http.client`, and urllib3 on top of it, read the head of an answer with a parser of e-mail, send
head and body apart, and set up a request anew each time: of the processor they take several times
what the sockets themselves do, for answers of which a status and two headers matter.
"""

from __future__ import annotations

import io
import math
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servery.adapters.deadlines import limit, send_all
from servery.adapters.tls import tls_context

if TYPE_CHECKING:
    import ssl

CHUNK_BYTES = 65536
MOST_HEAD_BYTES = 65536
IDLE_SECONDS = 50.0
"""A connection that nobody used for longer is closed: AWS's services do so after a minute or less,
and a process that Lambda had frozen is not told."""
_CONTINUE = range(100, 200)
_BODILESS = frozenset({204, 304})


class NoConnectionError(Exception):
    """There is nobody at that address, or nobody one may talk to: nothing was sent."""


class SlowAnswerError(Exception):
    """The time was up before the answer was there."""


class BrokenConnectionError(Exception):
    """The connection ended before the answer did; nobody knows what became of the request."""


@dataclass(slots=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        data: The body.
    """

    status: int
    headers: dict[str, str]
    data: bytes


class KeptConnections:
    """Connections to one address; any number of threads may share them.

    Attributes:
        address: As it was given.
        host: With its port, where one was given.

    Args:
        address: `http://` or `https://`, host and port, without a path.
        most: Connections that are kept open while nobody uses them.
        tls: Gives whom to trust, asked for with the first connection.
        now: Seconds by a clock that goes on while the process is frozen.
    """

    def __init__(
        self,
        address: str,
        *,
        most: int = 32,
        tls: Callable[[], ssl.SSLContext] = tls_context,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(address)
        self._tls = tls if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._most = most
        self._now = now
        self._idle: list[tuple[float, socket.socket]] = []
        self.address = address
        self.host = parts.netloc

    def post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        connect_s: float,
        answer_s: float,
    ) -> HttpAnswer:
        """Post a content; as `send`."""
        return self.send("POST", path, headers, body, connect_s=connect_s, answer_s=answer_s)

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        connect_s: float,
        answer_s: float,
    ) -> HttpAnswer:
        """Send a request, once, and wait for its answer.

        Args:
            method: `POST`, `GET`, `PUT` or `HEAD`.
            path: Quoted, with its query.
            headers: All but the length of the body; `host` among them.
            body: The content; None for none.
            connect_s: Seconds to get a connection in.
            answer_s: Seconds to have the whole answer in, from when there is a connection.

        Raises:
            NoConnectionError, SlowAnswerError, BrokenConnectionError: there is no answer.
        """
        length = {} if body is None else {"content-length": str(len(body))}
        head = _written(method, path, {**headers, **length})
        return self._ask(head, body or b"", connect_s, answer_s, bodiless=method == "HEAD")

    def get(self, path: str, headers: Mapping[str, str], *, connect_s: float) -> HttpAnswer:
        """Ask, once, and wait for the answer for however long it takes; else as `send`."""
        return self._ask(_written("GET", path, headers), b"", connect_s, math.inf)

    def clear(self) -> None:
        """Close what nobody uses at the moment."""
        while (connection := self._kept()) is not None:
            connection.close()

    def _ask(
        self, head: bytes, body: bytes, connect_s: float, answer_s: float, *, bodiless: bool = False
    ) -> HttpAnswer:
        kept = self._kept()
        connection = kept or self._open(connect_s)
        try:
            answer, keep = _exchange(
                connection, head, body, time.monotonic() + answer_s, bodiless=bodiless
            )
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise SlowAnswerError(f"no answer within {answer_s:g} s") from error
            if isinstance(error, (OSError, ValueError)):
                if kept:  # where one was cut off while nobody used it, the others were too
                    self.clear()
                raise BrokenConnectionError(str(error)) from error
            raise
        if keep and len(self._idle) < self._most:
            self._idle.append((self._now(), connection))
        else:
            connection.close()
        return answer

    def _kept(self) -> socket.socket | None:
        """A connection that is open; one that has something to say was closed by the other side."""
        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            asked = select.poll()
            asked.register(connection, select.POLLIN)
            if 0 <= self._now() - since < IDLE_SECONDS and not asked.poll(0):
                return connection
            connection.close()
        return None

    def _open(self, seconds: float) -> socket.socket:
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection((self._host, self._port), seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return connection
            return self._tls().wrap_socket(connection, server_hostname=self._host)
        except OSError as error:
            if connection is not None:
                connection.close()
            raise NoConnectionError(f"no connection to {self.host}") from error


def _written(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {headers[name]}" for name in headers]]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a header may not have more than one line")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _exchange(
    connection: socket.socket, head: bytes, body: bytes, until: float, *, bodiless: bool
) -> tuple[HttpAnswer, bool]:
    """Send and read; the answer, and whether the connection is good for another one."""
    whole = _sent(connection, head, body, until)
    status, rest = 100, b""
    while status in _CONTINUE:
        status, headers, rest = _head(connection, rest, until)
    keep = whole and headers.get("connection", "").lower() != "close"
    if bodiless or status in _BODILESS:
        return HttpAnswer(status, headers, b""), keep and not rest
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return HttpAnswer(status, headers, _chunks(connection, rest, until)), keep
    length = headers.get("content-length")
    if length is None:  # it ends where the connection does
        while more := _receive(connection, until):
            rest += more
        return HttpAnswer(status, headers, rest), False
    body = _exactly(connection, rest, int(length), until)
    return HttpAnswer(status, headers, body), keep


def _sent(connection: socket.socket, head: bytes, body: bytes, until: float) -> bool:
    """Send; whether the other side took all of it. Who refuses a large body may not wait for it."""
    try:
        if len(body) <= CHUNK_BYTES:
            send_all(connection, head + body, until)
        else:  # which is not copied
            send_all(connection, head, until)
            send_all(connection, body, until)
    except TimeoutError:
        raise
    except OSError:
        return False
    return True


def _head(
    connection: socket.socket, rest: bytes, until: float
) -> tuple[int, dict[str, str], bytes]:
    while b"\r\n\r\n" not in rest:
        if len(rest) > MOST_HEAD_BYTES:
            raise ValueError("the head of the answer has no end")
        rest += _some(connection, until)
    head, _, rest = rest.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    protocol, _, said = first.partition(" ")
    if protocol not in {"HTTP/1.1", "HTTP/1.0"}:
        raise ValueError("the answer is no HTTP")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if protocol == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return int(said[:3]), headers, rest


def _exactly(connection: socket.socket, rest: bytes, length: int, until: float) -> bytes:
    if len(rest) == length:
        return rest
    if len(rest) > length:
        raise ValueError("the answer is longer than it says")
    body = io.BytesIO()  # its value is no copy, unlike that of a list which is joined
    missing = length - body.write(rest)
    while missing:
        limit(connection, until)
        part = connection.recv(min(missing, 16 * CHUNK_BYTES))
        if not part:
            raise ConnectionError("the connection was closed")
        missing -= body.write(part)
    return body.getvalue()


def _chunks(connection: socket.socket, rest: bytes, until: float) -> bytes:
    parts = []
    while True:
        line, rest = _line(connection, rest, until)
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        while len(rest) < size + 2:
            rest += _some(connection, until)
        parts.append(rest[:size])
        rest = rest[size + 2 :]
    while line:  # trailers, and the empty line behind them
        line, rest = _line(connection, rest, until)
    return b"".join(parts)


def _line(connection: socket.socket, rest: bytes, until: float) -> tuple[bytes, bytes]:
    while b"\r\n" not in rest:
        if len(rest) > MOST_HEAD_BYTES:
            raise ValueError("a line of the answer has no end")
        rest += _some(connection, until)
    line, _, rest = rest.partition(b"\r\n")
    return line, rest


def _some(connection: socket.socket, until: float) -> bytes:
    part = _receive(connection, until)
    if not part:
        raise ConnectionError("the connection was closed")
    return part


def _receive(connection: socket.socket, until: float) -> bytes:
    limit(connection, until)
    return connection.recv(CHUNK_BYTES)
