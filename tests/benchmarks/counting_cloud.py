"""An AWS on loopback that counts what it is asked: over HTTP, so by boto3 and without it alike.

moto answers for DynamoDB, S3, SQS, SNS, EventBridge, SSM and Lambda's own records. What is invoked,
started or put into a stream is handed to whoever drives it. Who asks is known by its access key.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from moto import mock_aws
from moto.core.models import botocore_stubber

from benchmarks.dynamodb_units import Units

REGION = "eu-central-1"
FIREHOSE_RECORD = 5 * 1024
SQS_REQUEST = 64 * 1024
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_INVOCATIONS = re.compile(r"/2015-03-31/functions/([^/]+)/invocations$")
_FREE_S3 = frozenset({"DeleteObject", "DeleteObjects"})
_S3_READS = frozenset({"GetObject", "HeadObject", "HeadBucket"})

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in.

    Attributes:
        caller: The access key.
        service: As it is signed for.
        operation: Of the service.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    caller: str = ""
    service: str = ""
    operation: str = ""

    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Counts:
    """What was asked for, in what is paid for.

    Attributes:
        calls: Of each operation, as `service Operation`.
        units: What is paid for: DynamoDB's request units, S3's requests by price and so on.
        by: The calls of each caller.
    """

    calls: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    by: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, service: str) -> int:
        """Calls of a service."""
        return sum(n for name, n in self.calls.items() if name.split(" ", 1)[0] == service)

    def since(self, before: Counts) -> Counts:
        """What came after `before`."""
        return Counts(
            self.calls - before.calls, _minus(self.units, before.units), self.by - before.by
        )

    def copy(self) -> Counts:
        """The same, from now on alone."""
        return Counts(self.calls.copy(), self.units.copy(), self.by.copy())


def _minus(one: Counter[str], other: Counter[str]) -> Counter[str]:
    return Counter({name: one[name] - other[name] for name in one if one[name] != other[name]})


class CountingCloud:
    """The server.

    Args:
        invoke: Function, payload and whether somebody waits, to status, error and answer.
        start: Name of a machine, name and input of an execution, to its ARN.

    Attributes:
        counts: What was asked for so far.
    """

    def __init__(
        self,
        invoke: Callable[[str, str, bytes, bool], tuple[str, bytes]],
        start: Callable[[str, str, str], str],
    ) -> None:
        self.counts = Counts()
        self._invoke, self._start = invoke, start
        self._units = Units()
        self._lock = threading.Lock()  # moto is not atomic, AWS is
        handler = type("Handler", (_Handler,), {"cloud": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def count(self, request: Request, units: dict[str, float]) -> None:
        """Note one request and what it costs."""
        service = "records" if "record reads" in units else request.service
        name = f"{service} {request.operation}"
        self.counts.calls[name] += 1
        self.counts.by[request.caller, name] += 1
        for unit, amount in units.items():
            self.counts.units[unit] += amount  # type: ignore[assignment]

    def answer(self, request: Request) -> Answer:
        """What a request gets, counted."""
        if request.service == "dynamodb":
            with self._lock:
                return self._units.around(request, self._moto, self.count)
        if request.service == "lambda" and (found := _INVOCATIONS.search(request.path)):
            self.count(request, {})
            return self._invoked(request, unquote(found[1]))
        if request.service == "firehose":
            return self._streamed(request)
        if request.service == "states":
            return self._states(request)
        self.count(request, _priced(request))
        with self._lock:
            return self._moto(request)

    def _moto(self, request: Request) -> Answer:
        host = f"{request.service}.{REGION}.amazonaws.com"
        headers = HeadersDict({**request.headers, "Host": host})
        asked = AWSPreparedRequest(
            request.method, f"https://{host}{request.path}", headers, request.body, False
        )
        told = botocore_stubber.process_request(asked)
        assert told is not None, request
        status, kept, content = told
        dropped = _HOPS if request.method == "HEAD" else _HOPS | {"content-length"}
        sent = {name: str(value) for name, value in kept.items() if name.lower() not in dropped}
        return status, sent, content.encode() if isinstance(content, str) else content

    def _invoked(self, request: Request, function: str) -> Answer:
        kind = {k.lower(): v for k, v in request.headers.items()}.get("x-amz-invocation-type")
        waits = kind != "Event"
        error, content = self._invoke(request.caller, function, request.body, waits)
        headers = {"X-Amz-Function-Error": error} if error else {}
        return (200 if waits else 202), headers, content

    def _streamed(self, request: Request) -> Answer:
        records = [base64.b64decode(each["Data"]) for each in request.document()["Records"]]
        size = sum(-(-len(each) // FIREHOSE_RECORD) * FIREHOSE_RECORD for each in records)
        self.count(request, {"firehose records": len(records), "firehose bytes": size})
        told = {
            "FailedPutCount": 0,
            "RequestResponses": [{"RecordId": str(number)} for number in range(len(records))],
        }
        return _json(told)

    def _states(self, request: Request) -> Answer:
        self.count(request, {})
        if request.operation == "StartExecution":
            asked = request.document()
            machine = asked["stateMachineArn"].rsplit(":", 1)[-1]
            arn = self._start(machine, asked["name"], asked["input"])
            return _json({"executionArn": arn, "startDate": 0})
        if request.operation == "ListExecutions":
            return _json({"executions": []})
        return _json({"status": "SUCCEEDED"})


_HOPS = frozenset({"connection", "transfer-encoding"})


def _json(document: dict[str, Any]) -> Answer:
    return 200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _priced(request: Request) -> dict[str, float]:
    """What a request costs, where that is not DynamoDB's."""
    if request.service == "s3" and request.operation not in _FREE_S3:
        return {"s3 reads" if request.operation in _S3_READS else "s3 writes": 1}
    if request.service == "sqs":
        return {"sqs requests": max(1, -(-len(request.body) // SQS_REQUEST))}
    if request.service == "events":
        return {"events": len(request.document().get("Entries", ()))}
    if request.service == "sns":
        return {"sns requests": 1}
    return {}


def operation(method: str, path: str, headers: dict[str, str], body: bytes, service: str) -> str:
    """Which operation of a service a request asks for."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if service == "s3":
        return _s3_operation(method, path, headers)
    if service == "lambda":
        return "Invoke" if _INVOCATIONS.search(path) else f"{method} {path.split('/')[2]}"
    if "/operation/" in path:
        return path.rpartition("/")[2]
    return parse_qs(body.decode(errors="replace")).get("Action", [f"{method} {path}"])[0]


def _s3_operation(method: str, path: str, headers: dict[str, str]) -> str:
    parts = urlsplit(path)
    on_object = bool(parts.path.strip("/").partition("/")[2])
    if method == "GET":
        return "GetObject" if on_object else "ListObjects"
    if method == "HEAD":
        return "HeadObject" if on_object else "HeadBucket"
    if method == "DELETE":
        return "DeleteObject"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    if method == "POST" and "delete" in parse_qs(parts.query, keep_blank_values=True):
        return "DeleteObjects"
    return "PutObject" if method == "PUT" else "PostObject"


class _Handler(BaseHTTPRequestHandler):
    cloud: CountingCloud
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        body = self._body()
        headers = dict(self.headers.items())
        lower = {name.lower(): value for name, value in headers.items()}
        found = _CREDENTIAL.search(lower.get("authorization", ""))
        caller, service = (found[1], found[2]) if found else ("", "")
        wanted = operation(self.command, self.path, lower, body, service)
        request = Request(self.command, self.path, headers, body, caller, service, wanted)
        status, told, content = self.cloud.answer(request)
        with suppress(ConnectionError):  # the caller has given up
            self.send_response_only(status)
            for name, value in told.items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def account() -> Iterator[None]:
    """An empty account behind the server."""
    with mock_aws():
        yield
