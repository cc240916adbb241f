"""Lambda's Runtime and Extensions API on loopback, for one process: bytes in, bytes out.

It is quick on purpose, and leaves out what a measurement has no need of.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 60.0
_NEXT = "/2018-06-01/runtime/invocation/next"
_INVOCATION = "/2018-06-01/runtime/invocation/"
_EXTENSION = "/2020-01-01/extension/"


class FunctionFailedError(Exception):
    """The function's process reported an error instead of an answer."""


class RuntimeApi:
    """Hands events to one process and takes its answers, one at a time.

    Args:
        seconds: What the function is told that it has for an event.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._events: queue.Queue[bytes] = queue.Queue()
        self._answers: queue.Queue[tuple[bytes, bool]] = queue.Queue()
        self._announced: queue.Queue[tuple[str, int]] = queue.Queue()
        self._idle: queue.Queue[None] = queue.Queue()
        self._resting: queue.Queue[None] = queue.Queue()
        self._number = 0
        self.extended = False
        kind = type("Connection", (_Connection,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        """What goes into AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def wait_until_idle(self) -> None:
        """Wait until the function asks for an event, and so does its extension if it has one."""
        self._idle.get(timeout=PATIENCE)
        if self.extended:
            self._resting.get(timeout=PATIENCE)

    def put(self, event: bytes) -> None:
        """Hand in an event; the process need not have come up yet."""
        self._events.put(event)

    def answer(self) -> bytes:
        """The answer to an event that was handed in.

        Raises:
            FunctionFailedError: there is none, but an error.
        """
        answer, fine = self._answers.get(timeout=PATIENCE)
        if not fine:
            raise FunctionFailedError(answer.decode())
        return answer

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def failed(self, said: bytes) -> None:
        """Somebody waits for an answer in vain: say so."""
        self._answers.put((said, False))

    def next_event(self) -> tuple[str, int, bytes]:
        """The next event, with its id and its deadline in ms; waits for it."""
        self._idle.put(None)
        event = self._events.get()
        self._number += 1
        number, deadline = f"request-{self._number}", int((time.time() + self._seconds) * 1000)
        if self.extended:
            self._announced.put((number, deadline))
        return number, deadline, event

    def next_announcement(self) -> bytes:
        """What the extension is told of the next event; waits for it."""
        self._resting.put(None)
        number, deadline = self._announced.get()
        told = {"eventType": "INVOKE", "requestId": number, "deadlineMs": deadline}
        return json.dumps(told).encode()

    def answered(self, body: bytes) -> None:
        """Take an answer."""
        self._answers.put((body, True))


class _Connection(BaseHTTPRequestHandler):
    api: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path == _NEXT:
            number, deadline, event = self.api.next_event()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": number,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            }
            self._send(200, event, headers)
        elif self.path == f"{_EXTENSION}event/next":
            self._send(200, self.api.next_announcement(), {})
        else:
            self._send(404, b"{}", {})

    def do_POST(self) -> None:
        body = self._body()
        if self.path == f"{_EXTENSION}register":
            self.api.extended = True
            self._send(200, b"{}", {"Lambda-Extension-Identifier": "extension-1"})
            return
        self._send(202, b'{"status":"OK"}', {})
        if self.path.startswith(_INVOCATION) and self.path.endswith("/response"):
            self.api.answered(body)
        else:
            self.api.failed(body)

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

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
