"""The `runtime_client` of awslambdaric in plain Python.

awslambdaric's own is compiled for one version of Python. With this one in its place, a single
installation of awslambdaric serves every interpreter. The names and the shapes of what goes in
and out are those that `awslambdaric.lambda_runtime_client` uses.
"""

from __future__ import annotations

import http.client
import os
import socket

_PREFIX = "/2018-06-01/runtime/"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_agent = "aws-lambda-python"
_connection: http.client.HTTPConnection | None = None


def initialize_client(user_agent: str) -> None:
    """Remember what to send as User-Agent."""
    global _agent  # noqa: PLW0603 -- the interface is a module with functions
    _agent = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001 -- awslambdaric's name
    """Wait for an invocation: the event and the headers, of which the deadline is a number."""
    status, headers, body = _call("GET", "invocation/next", None, {})
    if status != http.HTTPStatus.OK:
        message = f"Failed to get next, status {status}"
        raise RuntimeError(message)
    return body, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def post_invocation_result(invoke_id: str, result_data: bytes, content_type: str) -> None:
    """Answer an invocation."""
    _post(f"invocation/{invoke_id}/response", result_data, {"Content-Type": content_type})


def post_error(invoke_id: str, error_response_data: str, xray_fault: str) -> None:  # noqa: ARG001
    """Answer an invocation with an error document; X-Ray's cause is left out, nobody reads it."""
    headers = {"Content-Type": "application/json"}
    _post(f"invocation/{invoke_id}/error", error_response_data.encode(), headers)


def _post(path: str, body: bytes, headers: dict[str, str]) -> None:
    status, _, _ = _call("POST", path, body, headers)
    if status != http.HTTPStatus.ACCEPTED:
        message = f"Failed to post invocation response, status {status}"
        raise RuntimeError(message)


def _call(
    method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    global _connection  # noqa: PLW0603 -- kept open between invocations
    if _connection is None:
        _connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        _connection.connect()
        _connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _connection.request(method, _PREFIX + path, body, {"User-Agent": _agent, **headers})
    response = _connection.getresponse()
    return response.status, dict(response.getheaders()), response.read()
