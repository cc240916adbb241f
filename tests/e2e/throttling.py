"""A registry that takes no more, and functions that may not do what they did before."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from conftest import Stack, wait_until

OWN_HEADERS = {"connection", "content-length", "accept-encoding", "expect", "transfer-encoding"}
REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()


class Registry:
    """Stands between functions and the cloud's DynamoDB, and refuses while it is told to.

    Args:
        endpoint: Of the cloud.
        table: Name of the table whose requests are refused.
    """

    def __init__(self, endpoint: str, table: str) -> None:
        self.refused = 0
        self._throttled = threading.Event()
        self._table = table.encode()
        self._client = httpx.Client(base_url=endpoint, timeout=30)
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, content = registry.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """What the cloud answers, or that the table takes no more."""
        if self._throttled.is_set() and self._table in body:
            self.refused += 1
            return 400, REFUSAL
        kept = {name: v for name, v in headers.items() if name.lower() not in OWN_HEADERS}
        found = self._client.post(path, content=body, headers=kept)
        return found.status_code, found.content

    @contextmanager
    def throttled(self) -> Iterator[None]:
        """Every request is refused meanwhile."""
        self._throttled.set()
        try:
            yield
        finally:
            self._throttled.clear()

    def close(self) -> None:
        """Serve no more."""
        self.server.shutdown()
        self.server.server_close()
        self._client.close()


@contextmanager
def throttleable(stack: Stack, *functions: str) -> Iterator[Registry]:
    """These functions, by logical id, reach the registry by a way on which it can be throttled."""
    registry = Registry(stack.status["endpoint_url"], stack.status["outputs"]["RegistryTableName"])
    threading.Thread(target=registry.server.serve_forever, daemon=True).start()
    names = [stack.status["functions"][function] for function in functions]
    with ExitStack() as afterwards:  # each is set back, even where another cannot be
        afterwards.callback(registry.close)
        for name in names:
            before = _variables(stack, name)
            afterwards.callback(_set_variables, stack, name, before)
            _set_variables(stack, name, before | {"AWS_ENDPOINT_URL_DYNAMODB": registry.url})
        yield registry


def _variables(stack: Stack, name: str) -> dict[str, str]:
    found = stack.client("lambda").get_function_configuration(FunctionName=name)
    return dict(found["Environment"]["Variables"])


def _set_variables(stack: Stack, name: str, variables: dict[str, str]) -> None:
    functions = stack.client("lambda")
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@contextmanager
def denied(stack: Stack, function: str, *actions: str) -> Iterator[None]:
    """A function, by logical id, may not do this any more; afterwards it may again."""
    iam, name = stack.client("iam"), stack.status["functions"][function]
    found = stack.client("lambda").get_function_configuration(FunctionName=name)
    role = found["Role"].rpartition("/")[2]
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


def goes_on(registry: Registry, *, seconds: float) -> None:
    """Stay throttled for a while in which requests are refused all the time."""
    until, before = time.monotonic() + seconds, registry.refused
    wait_until(
        lambda: time.monotonic() > until and registry.refused > before,
        seconds=seconds + 30,
        what="the registry is asked while it refuses",
    )
