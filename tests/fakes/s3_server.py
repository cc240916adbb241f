"""A small S3 over HTTP: objects by path, and every signature checked with botocore's signer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS_KEY, SECRET_KEY, TOKEN = "AKIAEXAMPLE", "secret", "token/+="
REGION = "eu-central-1"

Answer = Callable[[BaseHTTPRequestHandler], None]


def gives(status: int, content: bytes = b"", length: int | None = None) -> Answer:
    """An answer, with a content length that need not be true."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = length is not None

    return answer


def objects(files: dict[str, bytes]) -> Answer:
    """Objects by `bucket/key`; 403 where the signature is not right, 404 where there is none."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = files.get(unquote(handler.path).removeprefix("/"))
        if not _signed(handler):
            gives(403, b"<Error/>")(handler)
        elif content is None:
            gives(404, b"<Error/>")(handler)
        else:
            gives(200, content)(handler)

    return answer


class _SignedAt(S3SigV4Auth):
    """botocore's signer, at the time that a request says."""

    def _set_necessary_date_headers(self, request: AWSRequest) -> None:
        pass


def _signed(handler: BaseHTTPRequestHandler) -> bool:
    request = AWSRequest("GET", f"http://{handler.headers['host']}{handler.path}")
    request.headers["host"] = handler.headers["host"]
    request.headers["x-amz-content-sha256"] = handler.headers["x-amz-content-sha256"]
    request.headers["X-Amz-Date"] = handler.headers["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = TOKEN
    request.context["timestamp"] = handler.headers["x-amz-date"]
    signer = _SignedAt(Credentials(ACCESS_KEY, SECRET_KEY, TOKEN), "s3", REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    expected = signer.signature(text, request)
    sent = handler.headers["authorization"] or ""
    return sent.endswith(f"Signature={expected}")


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers, one a request and the last one again and again.

    Yields its address, and the paths that it has been asked for.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            answers[min(len(asked), len(answers)) - 1](self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
