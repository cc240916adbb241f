"""An AWS that invokes model servers, knows a few items and takes a prediction log, on loopback."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Invoked:
    """What a stub function answers.

    Attributes:
        payload: The bytes of the answer.
        status: The HTTP status of the Invoke call; 200 unless Lambda itself refuses.
        error: `Unhandled` when the function crashed.
        code: The error code, when Lambda itself refuses.
        seconds: How long the answer takes.
        drop: Whether the connection breaks instead.
    """

    payload: bytes = b"{}"
    status: int = 200
    error: str = ""
    code: str = ""
    seconds: float = 0.0
    drop: bool = False


@dataclass
class AwsStub:
    """Lambda's Invoke, DynamoDB's GetItem and Firehose's PutRecordBatch.

    Attributes:
        invoke: What a function answers to an event.
        items: What GetItem finds, as DynamoDB writes them; keys `pk` and `sk`.
        refused: How many records of each call to PutRecordBatch are refused, from its end;
            when the list is used up, none.
        broken: Whether PutRecordBatch fails altogether.
        records: The records that were taken.
        calls: Called with the name of each operation when it comes in.
    """

    invoke: Callable[[str, dict[str, Any]], Invoked] = lambda function, event: Invoked()
    items: list[dict[str, Any]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    broken: bool = False
    records: list[bytes] = field(default_factory=list)
    puts: int = 0
    calls: Callable[[str], None] = lambda operation: None

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": self})
        )
        self._server.daemon_threads = True
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        key = request["Key"]
        found = [i for i in self.items if (i["pk"], i["sk"]) == (key["pk"], key["sk"])]
        return 200, {"Item": found[0]} if found else {}

    def put(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.puts += 1
        if self.broken:
            return 500, {"__type": "ServiceUnavailableException"}
        records = [base64.b64decode(record["Data"]) for record in request["Records"]]
        refused = self.refused.pop(0) if self.refused else 0
        taken = len(records) - refused
        self.records += records[:taken]
        answers = [{"RecordId": str(i)} for i in range(taken)]
        answers += [{"ErrorCode": "ServiceUnavailableException", "ErrorMessage": ""}] * refused
        return 200, {"FailedPutCount": refused, "RequestResponses": answers}


class _Handler(BaseHTTPRequestHandler):
    stub: AwsStub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/invocations"):
            self.stub.calls("Invoke")
            self._invoke(unquote(self.path.split("/")[3]), json.loads(body))
        else:
            operation = self.headers["X-Amz-Target"].split(".")[1]
            self.stub.calls(operation)
            serve = self.stub.put if operation == "PutRecordBatch" else self.stub.get
            status, answer = serve(json.loads(body))
            self._answer(status, json.dumps(answer).encode(), {})

    def _invoke(self, function: str, event: dict[str, Any]) -> None:
        reply = self.stub.invoke(function, event)
        time.sleep(reply.seconds)
        if reply.drop:
            self.close_connection = True
            return
        headers = {}
        if reply.error:
            headers["X-Amz-Function-Error"] = reply.error
        if reply.code:
            headers["X-Amzn-ErrorType"] = reply.code
        self._answer(reply.status, reply.payload, headers)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(BrokenPipeError):  # the caller has given up
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
