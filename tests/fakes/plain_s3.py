"""A bucket over HTTP for processes of their own: objects by `bucket/key`, no signatures checked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class PlainS3:
    """What the bucket holds.

    Attributes:
        objects: Content by `bucket/key`.
        status: What every request is answered with; 0 for what belongs there.
        url: Where it is.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    status: int = 0
    url: str = ""


def _handler(held: PlainS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = held.objects.get(self._path())
            self._answer(404 if content is None else 200, content or b"")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if not held.status:
                held.objects[self._path()] = content
            self._answer(200, b"")

        def log_message(self, *_: object) -> None:
            pass

        def _path(self) -> str:
            return unquote(self.path.partition("?")[0]).removeprefix("/")

        def _answer(self, status: int, content: bytes) -> None:
            content = b"" if held.status else content
            self.send_response(held.status or status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    return Handler


@contextmanager
def plain_s3() -> Iterator[PlainS3]:
    """A bucket that answers on this machine as long as it is needed."""
    held = PlainS3()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(held))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
