"""Model servers that answer jobs, one alone or several at once, as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.jobs import Life
from servery.domain.deployment import Server

Reply = dict[str, Any]


def answered(question: str, **changes: Any) -> Reply:
    """What a server says to one body that it likes."""
    answer = msgspec.json.encode({"answer_to": question}).decode()
    return {"status": 200, "body": answer, "rows": 1, "model_ms": 0.5} | changes


def refused(status: int = 422, reason: str = "no") -> Reply:
    """What a server says to one body that it does not like."""
    problem = {"type": "urn:servery:problem:invalid-input", "status": status, "detail": reason}
    body = msgspec.json.encode(problem).decode()
    return {"status": status, "body": body, "rows": 0, "model_ms": 0.0, "reason": reason}


@dataclass
class JobServers:
    """Answers every body by itself, in whatever company it comes.

    Attributes:
        answer: From a body to the reply; an error that it returns is raised for the whole call.
        life: Of the worker that calls.
        groups: Whether `infer_many` is spoken; servers of older code refuse it.
        room: How many answers find room beside each other.
        calls: The bodies of each call, in order.
        events: The events of the calls.
        timeouts: How long each call was given.
    """

    answer: Callable[[str], Reply | Exception] = answered
    life: Life = field(default_factory=Life)
    groups: bool = True
    room: int = 1000
    version: str = "1.0.0-1.1"
    calls: list[list[str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        event = msgspec.json.decode(payload)
        self.events.append(event)
        self.timeouts.append(timeout)
        return self.life.act("call", lambda: msgspec.json.encode(self._call(event)))

    def _call(self, event: dict[str, Any]) -> Reply:
        head = {"model_version": self.version, "degraded": False}
        if event["verb"] == "infer":
            self.calls.append([event["body"]])
            return head | _raised(self.answer(event["body"]))
        if not self.groups:
            return {"status": 400, "body": "{}", "reason": "this is no event of a model server"}
        bodies = [item["body"] for item in event["items"]]
        self.calls.append(bodies)
        replies = [_raised(self.answer(body)) for body in bodies]
        kept = replies[: self.room]
        deferred = [{"status": 0, "deferred": True} for _ in replies[self.room :]]
        return head | {"status": 200, "items": kept + deferred}


def _raised(reply: Reply | Exception) -> Reply:
    if isinstance(reply, Exception):
        raise reply
    return reply
