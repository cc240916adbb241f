"""DynamoDB over HTTP, answered by a client of boto3 (moto's, say); signatures are checked.

Any other service that speaks AWS's JSON is served as well.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from fakes.clock import SetClock
from fakes.entity_server import is_signed
from fakes.moto_aws import moto_table
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_dynamodb import LeanDynamoDb
from servery.adapters.lean_json import DYNAMODB, LeanJson, Service
from servery.adapters.sigv4 import Credentials
from servery.adapters.standard_retries import StandardRetries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass
class DynamoDbServer:
    """What it does, and has been asked.

    Attributes:
        client: Who answers.
        operations: What it has been asked, in order.
        slow: Seconds that each answer takes longer.
        status: What every request is answered, where that is not None; 0 breaks the connection.
        kind: The kind of that refusal.
        drops: How many requests are answered by breaking the connection, from now on.
        lost: How many requests are carried out, and answered like that, from now on.
        refusals: Status and kind of the next answers; when the list is used up, as usual.
        address: Where it is.
        lock: Held while the client answers.
        headers: Of the requests.
        bodies: Of the requests.
        answer_headers: Further headers of every answer.
        waits: What those who call without boto3 have waited between their tries.
    """

    client: Any
    operations: list[str] = field(default_factory=list)
    slow: float = 0.0
    status: int | None = None
    kind: str = ""
    drops: int = 0
    lost: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the document; 0 where the connection breaks."""
        self.operations.append(operation)
        if self.slow:
            time.sleep(self.slow)
        if self.drops:
            self.drops -= 1
            return 0, {}
        if self.refusals:
            status, kind = self.refusals.pop(0)
            return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": "no"}
        if self.status is not None:
            return self.status, {"__type": f"com.amazonaws.dynamodb.v20120810#{self.kind}"}
        try:
            with self.lock:  # moto is not atomic, DynamoDB is
                told = getattr(self.client, xform_name(operation))(**asked)
        except ClientError as error:
            told = dict(error.response)
            error = told.pop("Error")
            told.pop("ResponseMetadata")
            kind = f"com.amazonaws.dynamodb.v20120810#{error['Code']}"
            return 400, {**told, "__type": kind, "message": error["Message"]}
        if self.lost:
            self.lost -= 1
            return 0, {}
        return 200, {name: value for name, value in told.items() if name != "ResponseMetadata"}


def _on_the_wire(value: Any) -> Any:
    """Times and bytes, as the protocol has them."""
    return value.timestamp() if isinstance(value, datetime) else b64encode(value).decode()


def lean(server: DynamoDbServer, clock: SetClock | None = None) -> LeanDynamoDb:
    """What calls it."""
    return LeanDynamoDb(
        connections=KeptConnections(server.address),
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY, TOKEN),
        clock=clock or SetClock(),
    )


def lean_client(
    server: DynamoDbServer,
    service: Service = DYNAMODB,
    *,
    read_s: float = 5.0,
    attempts: int = 1,
    **more: Any,
) -> LeanJson:
    """What calls it without boto3, and is named and answers as boto3's."""
    return LeanJson(
        service=service,
        connections=KeptConnections(server.address),
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY, TOKEN),
        clock=SetClock(),
        connect_s=5.0,
        read_s=read_s,
        retries=StandardRetries(attempts, sleep=server.waits.append),
        **more,
    )


@contextmanager
def lean_table(
    monkeypatch: pytest.MonkeyPatch, logical_id: str, name: str
) -> Iterator[DynamoDBClient]:
    """One table, as the template has it, asked without boto3."""
    with (
        moto_table(monkeypatch, logical_id, name) as client,
        dynamodb_server(client) as server,
    ):
        yield cast("DynamoDBClient", lean_client(server))


@contextmanager
def dynamodb_server(client: Any, service: str = "dynamodb") -> Iterator[DynamoDbServer]:
    """A server over a client.

    Args:
        client: Who answers.
        service: Whose client it is, as requests to it are signed.
    """
    told = DynamoDbServer(client)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            told.bodies.append(json.loads(body))
            status, answer = told.answer(operation, told.bodies[-1])
            if status == 0:
                self.close_connection = True
                return
            if not is_signed(self, body, service):
                status, answer = 400, {"__type": "InvalidSignatureException"}
            content = json.dumps(answer, default=_on_the_wire).encode()
            with suppress(ConnectionError):  # the caller has given up
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                for name, value in told.answer_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # of threads that connect at once

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


TABLES = {"dynamodb": moto_table, "lean": lean_table}
"""How a table is asked: with boto3, and without."""
