"""The Lambda Runtime API, as one execution environment sees it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Extensions, response
streaming to the caller and SnapStart's hooks are left out.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from localstack_process import faults
from localstack_process.faults import Fault, InitError

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/2018-06-01/runtime/"
_NO_HEADERS: Mapping[str, str] = {}
RESPONSE_LIMIT = 6_291_556
"""Bytes in a synchronous answer that Lambda passes on."""


@dataclass(frozen=True)
class Invocation:
    """One event on its way to the function.

    Attributes:
        request_id: Lambda's id of the invocation.
        arn: The ARN that was invoked, with its qualifier.
        trace_id: X-Ray's tracing header.
        payload: The event, JSON.
        deadline_ms: Unix time in milliseconds when the function's time is over.
    """

    request_id: str
    arn: str
    trace_id: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True)
class Reply:
    """What came back: the function's answer, or the fault in its place."""

    payload: bytes
    fault: Fault | None = None


class RuntimeApi:
    """Serves one function process on a port of its own, bound to 127.0.0.1.

    Attributes:
        ready: Done when the process asks for its first invocation; fails with `InitError`.
    """

    def __init__(self, *, response_limit: int = RESPONSE_LIMIT) -> None:
        self.ready: Future[None] = Future()
        self._response_limit = response_limit
        self._waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: tuple[str, Future[Reply]] | None = None
        self._closed = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._serve, name="runtime-api", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What goes into AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def send(self, invocation: Invocation) -> Future[Reply]:
        """Hand an invocation to the process; one at a time."""
        answer: Future[Reply] = Future()
        with self._lock:
            self._current = (invocation.request_id, answer)
        self._waiting.put(invocation)
        return answer

    def end(self, fault_of: Callable[[str], Fault]) -> None:
        """Tell whoever waits that the process is gone; `fault_of` gets the request id."""
        self._fail_initialisation(fault_of(""))
        with self._lock:
            current, self._current = self._current, None
        if current:
            fault = fault_of(current[0])
            _settle(current[1], Reply(fault.document, fault))

    def close(self) -> None:
        """Stop listening; a process that still waits for an invocation is hung up on."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._waiting.put(None)
        with suppress(OSError):  # wakes the thread that waits for connections
            socket.create_connection(("127.0.0.1", self._server.server_port), timeout=1).close()
        self._thread.join(timeout=2)
        self._server.server_close()

    def next_invocation(self) -> Invocation | None:
        """Wait for an invocation; None when there will be none. Called by the connection."""
        with suppress(InvalidStateError):
            self.ready.set_result(None)
        return None if self._closed.is_set() else self._waiting.get()

    def post(self, action: str, body: bytes, error_type: str | None) -> HTTPStatus:
        """Take what the process posts under `/runtime/`. Called by the connection."""
        if action == "init/error":
            accepted = self._fail_initialisation(faults.reported(body, error_type))
            return HTTPStatus.ACCEPTED if accepted else HTTPStatus.FORBIDDEN
        match action.split("/"):
            case ["invocation", request_id, "response"] if len(body) > self._response_limit:
                fault = faults.response_too_large(self._response_limit)
                accepted = self._answer(request_id, Reply(fault.document, fault))
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if accepted else HTTPStatus.BAD_REQUEST
            case ["invocation", request_id, "response"]:
                accepted = self._answer(request_id, Reply(body))
            case ["invocation", request_id, "error"]:
                accepted = self._answer(request_id, Reply(body, faults.reported(body, error_type)))
            case _:
                return HTTPStatus.NOT_FOUND
        return HTTPStatus.ACCEPTED if accepted else HTTPStatus.BAD_REQUEST

    def _fail_initialisation(self, fault: Fault) -> bool:
        """Tell who waits for readiness, and an invocation that is waiting already."""
        try:
            self.ready.set_exception(InitError(fault))
        except InvalidStateError:
            return False
        if fault.kind != "Runtime.ExitError":  # `end` words that one for the invocation
            with self._lock:
                current, self._current = self._current, None
            if current:
                _settle(current[1], Reply(fault.document, fault))
        return True

    def _answer(self, request_id: str, reply: Reply) -> bool:
        with self._lock:
            if self._current is None or self._current[0] != request_id:
                return False
            answer, self._current = self._current[1], None
        _settle(answer, reply)
        return True

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._server.handle_request()


def _settle(answer: Future[Reply], reply: Reply) -> None:
    with suppress(InvalidStateError):
        answer.set_result(reply)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a connection may be waiting for an invocation

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the process was killed while it was talking."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small answers would wait for an acknowledgement
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
        """Keep quiet; LocalStack logs the invocations."""

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}invocation/next":
            self._send(HTTPStatus.NOT_FOUND, _error("ResourceNotFound", self.path))
            return
        invocation = self.server.api.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
            "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        }
        self._send(HTTPStatus.OK, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        if not self.path.startswith(PREFIX):
            status = HTTPStatus.NOT_FOUND
        else:
            error_type = self.headers.get("Lambda-Runtime-Function-Error-Type")
            status = self.server.api.post(self.path.removeprefix(PREFIX), body, error_type)
        accepted = status is HTTPStatus.ACCEPTED
        self._send(status, b'{"status":"OK"}' if accepted else _error(status.phrase, self.path))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def _send(
        self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
