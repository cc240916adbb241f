"""What an execution's history says: which states it passed, how long each took, how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_FAILED_ATTEMPT = frozenset(
    {"TaskFailed", "TaskTimedOut", "LambdaFunctionFailed", "LambdaFunctionTimedOut"}
)


@dataclass(frozen=True)
class Passed:
    """One state that the execution left.

    Attributes:
        name: Of the state.
        kind: Task, Choice, Pass ...
        seconds: From entering to leaving.
        attempts: How often its work was tried.
        at: Number of the event that left it.
        failed: Whether its last attempt failed, and a catch of the workflow went on from there.
        output: What the execution held then, where the history tells.
    """

    name: str
    kind: str
    seconds: float
    attempts: int
    at: int
    failed: bool = False
    output: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Progress:
    """How far an execution is.

    Attributes:
        passed: States that were left, in order.
        running: The state that it is in, or was in when it ended badly; empty before the first.
        running_since: When it entered that state.
        failed_attempts: In that state.
    """

    passed: tuple[Passed, ...]
    running: str
    running_since: datetime | None
    failed_attempts: int


def progress(events: Iterable[Mapping[str, Any]]) -> Progress:
    """Read a history (`get_execution_history`, oldest first)."""
    passed: list[Passed] = []
    running, since, failures, before = "", None, 0, ""
    for event in events:
        last, kind = before, str(event["type"])
        before = kind
        if kind.endswith("StateEntered"):
            running, since = str(event["stateEnteredEventDetails"]["name"]), event["timestamp"]
            failures = 0
        elif kind in _FAILED_ATTEMPT:
            failures += 1
        elif kind.endswith("StateExited"):
            name = str(event["stateExitedEventDetails"]["name"])
            took = 0.0
            if since is not None and name == running:
                took = (event["timestamp"] - since).total_seconds()
            caught = last in _FAILED_ATTEMPT
            tries = failures if caught else failures + 1
            of_kind = kind.removesuffix("StateExited")
            held = _held(event["stateExitedEventDetails"])
            passed.append(Passed(name, of_kind, took, tries, int(event["id"]), caught, held))
            if name == running:
                running, since, failures = "", None, 0
    return Progress(tuple(passed), running, since, failures)


def _held(details: Mapping[str, Any]) -> dict[str, Any]:
    """The output of a state; nothing where it is left out, cut short or no object."""
    try:
        content = json.loads(details.get("output") or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def failure(events: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """Error name and cause of the last thing that failed; two empty strings where nothing did."""
    found = ("", "")
    for event in events:
        for key, details in event.items():
            if key.endswith("EventDetails") and isinstance(details, dict) and "error" in details:
                found = (str(details["error"]), str(details.get("cause", "")))
    return found
