"""DynamoDB's BatchGetItem over HTTP: every signature checked with botocore's signer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
DROP = 0
"""A status: the connection breaks instead of an answer."""


class _SignedAt(SigV4Auth):
    """botocore's signer, at the time that a request says."""

    def _set_necessary_date_headers(self, request: AWSRequest) -> None:
        pass


def items_of(items: dict[str, dict[str, Any]], table: str = "features") -> Answer:
    """Items by their place, each as DynamoDB writes it."""

    def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        places = [key["pk"]["S"] for key in asked["RequestItems"][table]["Keys"]]
        found = [items[place] for place in places if place in items]
        return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}

    return answer


def of_client(client: Any) -> Answer:
    """Whatever a client of boto3 answers."""

    def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "Item" in asked:
            try:
                client.put_item(**asked)
            except client.exceptions.ConditionalCheckFailedException:
                return 400, {"__type": "x#ConditionalCheckFailedException"}
            return 200, {}
        told = client.batch_get_item(**asked)
        return 200, {name: told[name] for name in ("Responses", "UnprocessedKeys")}

    return answer


def says(status: int, kind: str = "") -> Answer:
    """A refusal, or `DROP`."""
    return lambda asked: (status, {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}"})


def is_signed(handler: BaseHTTPRequestHandler, body: bytes, service: str = "dynamodb") -> bool:
    """Whether a request carries the signature that botocore would have made."""
    sent = handler.headers["authorization"] or ""
    named = re.search("SignedHeaders=([^,]+),", sent)
    request = AWSRequest("POST", f"http://{handler.headers['host']}/", data=body)
    for name in named[1].split(";") if named else ():
        request.headers[name] = handler.headers[name]
    request.context["timestamp"] = handler.headers["x-amz-date"]
    signer = _SignedAt(Credentials(ACCESS_KEY, SECRET_KEY, TOKEN), service, REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return sent.endswith(f"Signature={signer.signature(text, request)}")


@contextmanager
def entity_table(*answers: Answer) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A table that gives these answers, one a request and the last one again and again.

    Yields its address, and what it has been asked.
    """
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append(json.loads(body))
            status, answer = answers[min(len(asked), len(answers)) - 1](asked[-1])
            if status == DROP:
                self.close_connection = True
                return
            operation = "PutItem" if "Item" in asked[-1] else "BatchGetItem"
            if self.headers["x-amz-target"] != f"DynamoDB_20120810.{operation}":
                status, answer = 400, {"__type": "UnknownOperationException"}
            elif not is_signed(self, body):
                status, answer = 400, {"__type": "InvalidSignatureException"}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            with suppress(ConnectionError):  # the caller has given up
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
