"""Runs a state machine in memory: the part of the language that ours are written in (JSONPath)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

STARTED = "2026-03-01T12:00:00Z"


class StateError(Exception):
    """An error of a state, by name."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass
class Execution:
    """One run of a machine.

    Attributes:
        definition: As written.
        resources: What each `Resource` (substitutions unresolved) does with its input.
        passed: The states in the order in which they were entered.
        calls: How often the work of a state was done.
        waited: Seconds that retries would have waited at the most, by state.
    """

    definition: dict[str, Any]
    resources: dict[str, Callable[[Any], Any]]
    passed: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    waited: dict[str, list[float]] = field(default_factory=dict)
    status: str = "RUNNING"
    output: Any = None
    error: str = ""
    cause: str = ""
    _context: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, resources: dict[str, Callable[[Any], Any]]) -> Execution:
        """An execution of the machine in a file."""
        return cls(yaml.safe_load(path.read_text()), resources)

    def run(self, event: Any) -> Execution:
        """Run to the end."""
        self._context = {"Execution": {"Input": event, "StartTime": STARTED}}
        name, held = self.definition["StartAt"], json.loads(json.dumps(event))
        while name:
            state = self.definition["States"][name]
            self.passed.append(name)
            if state["Type"] == "Fail":
                self.status = "FAILED"
                self.error, self.cause = state["Error"], self._value(state["CausePath"], held)
                return self
            if state["Type"] == "Choice":
                name = self._choose(state, held)
                continue
            try:
                result = self._work(name, state, held)
            except StateError as error:
                catch = _matching(state.get("Catch", []), error)
                if catch is None:
                    self.status, self.error, self.cause = "FAILED", error.error, error.cause
                    return self
                caught = {"Error": error.error, "Cause": error.cause}
                name, held = catch["Next"], _placed(held, catch.get("ResultPath", "$"), caught)
                continue
            held = _placed(held, state.get("ResultPath", "$"), result)
            name = state.get("Next", "")
        self.status, self.output = "SUCCEEDED", held
        return self

    def _work(self, name: str, state: dict[str, Any], held: Any) -> Any:
        given = self._built(state["Parameters"], held) if "Parameters" in state else held
        if state["Type"] == "Pass":
            return given
        tries: dict[int, int] = {}
        while True:
            self.calls[name] = self.calls.get(name, 0) + 1
            try:
                return json.loads(json.dumps(self._call(state["Resource"], given)))
            except StateError as error:
                rule = _matching(state.get("Retry", []), error)
                if rule is None or tries.get(id(rule), 0) >= rule["MaxAttempts"]:
                    raise
                count = tries.get(id(rule), 0)
                wait = min(rule["IntervalSeconds"] * rule["BackoffRate"] ** count, 30)
                self.waited.setdefault(name, []).append(wait)
                tries[id(rule)] = count + 1

    def _call(self, resource: str, given: Any) -> Any:
        try:
            return self.resources[resource](json.loads(json.dumps(given)))
        except StateError:
            raise
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__}
            raise StateError(type(error).__name__, json.dumps(cause)) from error

    def _choose(self, state: dict[str, Any], held: Any) -> str:
        for rule in state["Choices"]:
            if self._value(rule["Variable"], held) is rule["BooleanEquals"]:
                return str(rule["Next"])
        return str(state["Default"])

    def _built(self, template: Any, held: Any) -> Any:
        if not isinstance(template, dict):
            return template
        return {
            name.removesuffix(".$"): self._value(value, held)
            if name.endswith(".$")
            else self._built(value, held)
            for name, value in template.items()
        }

    def _value(self, path: str, held: Any) -> Any:
        call = re.fullmatch(r"States\.(\w+)\((.*)\)", path)
        if call:
            values = [self._value(part.strip(), held) for part in call[2].split(",")]
            return {"JsonToString": lambda v: json.dumps(v[0]), "Array": list}[call[1]](values)
        if path.startswith("$$"):
            path, held = path[1:], self._context
        for part in path.removeprefix("$").strip(".").split("."):
            held = held[part] if part else held
        return held


def _matching(rules: list[dict[str, Any]], error: StateError) -> dict[str, Any] | None:
    wanted = {error.error, "States.ALL"}
    return next((rule for rule in rules if wanted & set(rule["ErrorEquals"])), None)


def _placed(held: Any, path: str, result: Any) -> Any:
    return result if path == "$" else {**held, path.removeprefix("$."): result}
