"""A small S3 over HTTP: objects by path, and every signature checked with botocore's signer."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS_KEY, SECRET_KEY, TOKEN = "AKIAEXAMPLE", "secret", "token/+="
REGION = "eu-central-1"

Answer = Callable[[BaseHTTPRequestHandler], None]


def gives(status: int, content: bytes = b"", length: int | None = None, **headers: str) -> Answer:
    """An answer with some headers, and with a content length that need not be true."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _body(handler)
        handler.send_response(status)
        handler.send_header("content-length", str(len(content) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
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
    """Whether the signature is botocore's for exactly this request, its body included."""
    sent = handler.headers["authorization"] or ""
    named = re.search("SignedHeaders=([^,]+),", sent)
    request = AWSRequest(handler.command, f"http://{handler.headers['host']}{handler.path}")
    for name in named[1].split(";") if named else ():
        request.headers[name] = handler.headers[name]
    request.context["timestamp"] = handler.headers["x-amz-date"]
    signer = _SignedAt(Credentials(ACCESS_KEY, SECRET_KEY, TOKEN), "s3", REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    digest = hashlib.sha256(_body(handler)).hexdigest()
    return (
        sent.endswith(f"Signature={signer.signature(text, request)}")
        and handler.headers["x-amz-content-sha256"] == digest
        and handler.headers["x-amz-security-token"] == TOKEN
    )


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    """The body of a request; read once, since it can be read once only."""
    kept: bytes | None = getattr(handler, "kept_body", None)
    if kept is None:
        kept = handler.rfile.read(int(handler.headers["content-length"] or 0))
        handler.kept_body = kept  # type: ignore[attr-defined]
    return kept


@dataclass
class VersionedS3:
    """Objects by `bucket/key` with all their versions, as a bucket with versioning keeps them.

    Attributes:
        versions: The versions of each object, by id, the newest last.
        forbidden: Paths that may not be read or written.
        ignores_ranges: Whether it answers with the whole object when a version is named.
    """

    versions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    ignores_ranges: bool = False

    def put(self, path: str, content: bytes) -> tuple[str, str]:
        """Write the next version; its id and its ETag, without quotes."""
        kept = self.versions.setdefault(path, {})
        version = f"v{len(kept)}/+="
        kept[version] = content
        return version, etag_of(content)

    def newest(self, path: str) -> bytes:
        """An object as it is now."""
        return list(self.versions[path].values())[-1]

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        address = urlsplit(handler.path)
        path = unquote(address.path).removeprefix("/")
        asked = dict(parse_qsl(address.query)).get("versionId", "")
        body = _body(handler)
        if not _signed(handler) or path in self.forbidden:
            _refuses(handler, 403, "AccessDenied")
        elif handler.command == "PUT":
            self.put(path, body)
            gives(200)(handler)
        elif path not in self.versions:
            _refuses(handler, 404, "NoSuchKey")
        elif asked and asked not in self.versions[path]:
            _refuses(handler, 404, "NoSuchVersion")
        else:
            content = self.versions[path][asked] if asked else self.newest(path)
            self._give(handler, content, whole=bool(asked) and self.ignores_ranges)

    @staticmethod
    def _give(handler: BaseHTTPRequestHandler, content: bytes, *, whole: bool) -> None:
        etag = f'"{etag_of(content)}"'
        window = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["range"] or "")
        first, last = (int(window[1]), int(window[2]) + 1) if window else (0, len(content))
        if handler.headers["if-match"] not in {None, etag}:
            _refuses(handler, 412, "PreconditionFailed")
        elif window and first >= len(content):
            _refuses(handler, 416, "InvalidRange")
        elif window is None or whole:
            gives(200, content, etag=etag)(handler)
        else:
            said = f"bytes {first}-{min(last, len(content)) - 1}/{len(content)}"
            gives(206, content[first:last], etag=etag, content_range=said)(handler)


def etag_of(content: bytes) -> str:
    """The ETag of an object, without quotes."""
    return hashlib.md5(content).hexdigest()  # noqa: S324 - it is what S3 does


def _refuses(handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
    gives(status, f"<Error><Code>{code}</Code></Error>".encode())(handler)


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
            self.kept_body: bytes | None = None
            answers[min(len(asked), len(answers)) - 1](self)

        def do_PUT(self) -> None:
            self.do_GET()

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
