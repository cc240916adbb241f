"""The Lambda Runtime API, as one execution environment sees it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Extensions, response
streaming to the caller and SnapStart's hooks are left out.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localstack_process.handover import RESPONSE_LIMIT, Handover

PREFIX = "/2018-06-01/runtime/"
_NO_HEADERS: Mapping[str, str] = {}


class RuntimeApi(Handover):
    """A handover over HTTP, for one process, on a port of 127.0.0.1 of its own."""

    def __init__(self, *, response_limit: int = RESPONSE_LIMIT) -> None:
        super().__init__(response_limit=response_limit)
        self._open = True
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._serve, name="runtime-api", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What goes into AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening; a process that still waits for an invocation is hung up on."""
        if not self._open:
            return
        self._open = False
        self.hang_up()
        with suppress(OSError):  # wakes the thread that waits for connections
            socket.create_connection(("127.0.0.1", self._server.server_port), timeout=1).close()
        self._thread.join(timeout=2)
        self._server.server_close()

    def _serve(self) -> None:
        while self._open:
            self._server.handle_request()


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
