"""DynamoDB over HTTP, answered by a client of boto3 (moto's, say); signatures are checked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from fakes.clock import SetClock
from fakes.entity_server import is_signed
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_dynamodb import LeanDynamoDb
from servery.adapters.sigv4 import Credentials


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
        address: Where it is.
        lock: Held while the client answers.
    """

    client: Any
    operations: list[str] = field(default_factory=list)
    slow: float = 0.0
    status: int | None = None
    kind: str = ""
    drops: int = 0
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the document; 0 where the connection breaks."""
        self.operations.append(operation)
        if self.slow:
            time.sleep(self.slow)
        if self.drops:
            self.drops -= 1
            return 0, {}
        if self.status is not None:
            return self.status, {"__type": f"com.amazonaws.dynamodb.v20120810#{self.kind}"}
        try:
            with self.lock:  # moto is not atomic, DynamoDB is
                told = getattr(self.client, xform_name(operation))(**asked)
        except ClientError as error:
            told = dict(error.response)
            kind = f"com.amazonaws.dynamodb.v20120810#{told['Error']['Code']}"
            return 400, {"__type": kind, **({"Item": told["Item"]} if "Item" in told else {})}
        return 200, {name: value for name, value in told.items() if name != "ResponseMetadata"}


def lean(server: DynamoDbServer, clock: SetClock | None = None) -> LeanDynamoDb:
    """What calls it."""
    return LeanDynamoDb(
        connections=KeptConnections(server.address),
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY, TOKEN),
        clock=clock or SetClock(),
    )


@contextmanager
def dynamodb_server(client: Any) -> Iterator[DynamoDbServer]:
    """A server over a client."""
    told = DynamoDbServer(client)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers["x-amz-target"].removeprefix("DynamoDB_20120810.")
            status, answer = told.answer(operation, json.loads(body))
            if status == 0:
                self.close_connection = True
                return
            if not is_signed(self, body):
                status, answer = 400, {"__type": "InvalidSignatureException"}
            content = json.dumps(answer).encode()
            with suppress(ConnectionError):  # the caller has given up
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
