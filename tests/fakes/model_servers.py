"""Model servers in memory: they answer what a test says, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from servery.domain.deployment import Server
from servery.errors import UnavailableError

Reply = dict[str, Any] | Exception


def echo(event: dict[str, Any]) -> dict[str, Any]:
    """A server that is well: answers every verb as the version that it is asked for."""
    version = event["ref"]["version"]
    if event["verb"] == "infer":
        return {
            "status": 200,
            "body": '{"predictions":[{"class":"setosa"}]}',
            "model_version": version,
            "rows": 1,
            "model_ms": 0.5,
            "degraded": False,
        }
    if event["verb"] == "metadata":
        body = {"name": event["ref"]["model"], "versions": [version], "platform": "onnx"}
        return {"status": 200, "body": msgspec.json.encode(body).decode()}
    return {"status": 200, "ready": True, "model_version": version, "digest": "d" * 64}


@dataclass
class Asked:
    """One call: whom, what, and how long it was given."""

    server: Server
    event: dict[str, Any]
    timeout: float


@dataclass
class FakeModelServers:
    """Answers for every server alike, unless it is told otherwise for one.

    Attributes:
        answer: What a server answers to an event; an error that it returns is raised.
        by_function: The same for single servers, by their function.
        gone: Functions that have been deleted.
        asked: Every call, in order.
    """

    answer: Callable[[dict[str, Any]], Reply] = echo
    by_function: dict[str, Callable[[dict[str, Any]], Reply]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        event = msgspec.json.decode(payload)
        self.asked.append(Asked(server, event, timeout))
        if server.function in self.gone:
            raise UnavailableError("the model server is not there")
        reply = self.by_function.get(server.function, self.answer)(event)
        if isinstance(reply, Exception):
            raise reply
        return msgspec.json.encode(reply)
