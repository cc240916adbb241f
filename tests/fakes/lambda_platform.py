"""What Lambda is to a function's process: the Runtime API and the Extensions API, on loopback."""

from __future__ import annotations

import json
import queue
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RUNTIME = "/2018-06-01/runtime"
EXTENSION = "/2020-01-01/extension"


class LambdaPlatform:
    """Hands out invocations, and writes down in which order things happen.

    As on AWS, an invocation goes to the runtime and to the registered extension at once, and a
    registration after the runtime's first request for work is refused. A runtime that asks whether
    it was restored from its snapshot is told so at once.

    Args:
        extensions: Whether there is an Extensions API.
    """

    def __init__(self, *, extensions: bool = True) -> None:
        self.timeline: list[str] = []
        self.responses: queue.Queue[dict[str, Any]] = queue.Queue()
        self.registered: list[str] = []
        self.extensions = extensions
        self.initialised = False
        self._work: queue.Queue[tuple[str, dict[str, Any], int]] = queue.Queue()
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"platform": self})
        )
        self._server.daemon_threads = True
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def note(self, what: str) -> None:
        with self._changed:
            self.timeline.append(what)
            self._changed.notify_all()

    def wait_for(self, what: str, times: int = 1, seconds: float = 20) -> None:
        """Wait until something has happened so many times."""
        with self._changed:
            happened = self._changed.wait_for(
                lambda: self.timeline.count(what) >= times, timeout=seconds
            )
        assert happened, f"{what} did not happen: {self.timeline}"

    def announce(self, request_id: str, seconds: float = 10) -> int:
        """Tell the extension of an invocation; when it has to be over (ms since the epoch)."""
        deadline = int((time.time() + seconds) * 1000)
        event = {"eventType": "INVOKE", "requestId": request_id, "deadlineMs": deadline}
        if self.extensions:
            self._events.put(event)
        return deadline

    def fail_events(self) -> None:
        """Answer the extension's request for its next event with an error."""
        self._events.put({})

    def invoke(self, request_id: str, event: dict[str, Any], seconds: float = 10) -> dict[str, Any]:
        """Give an event to the function, wait for its response."""
        deadline = self.announce(request_id, seconds)
        self._work.put((request_id, event, deadline))
        return self.responses.get(timeout=seconds + 20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    platform: LambdaPlatform

    def do_GET(self) -> None:
        if self.path == f"{RUNTIME}/invocation/next":
            self.platform.initialised = True
            self.platform.note("runtime next")
            request_id, event, deadline = self.platform._work.get()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu:1:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1",
            }
            self._answer(200, event, headers)
        elif self.path == f"{RUNTIME}/restore/next":
            self.platform.note("restore next")
            self._answer(200, {})
        elif self.path == f"{EXTENSION}/event/next":
            self.platform.note("extension next")
            event = self.platform._events.get()
            self._answer(200 if event else 500, event)
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self._body() or b"{}")
        if self.path == f"{EXTENSION}/register":
            self._register(body)
        elif self.path.startswith(f"{RUNTIME}/invocation/"):
            what = self.path.rsplit("/", 1)[1]
            self.platform.note(what)
            self._answer(202, {})
            self.platform.responses.put(body)
        else:
            self.platform.note(self.path)
            self._answer(202, {})

    def _register(self, body: dict[str, Any]) -> None:
        if not self.platform.extensions:
            self._answer(404, {})
        elif self.platform.initialised or body["events"] != ["INVOKE"]:
            self._answer(403, {"errorType": "Extension.RegisterNotAllowed"})
        else:
            self.platform.registered.append(self.headers["Lambda-Extension-Name"])
            self._answer(200, {}, {"Lambda-Extension-Identifier": "extension-1"})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
