"""Runs a state machine in memory: the part of the language that ours are written in (JSONPath).

A map runs its children one after the other, each as an execution of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from fakes.state_language import built, chosen, placed, value_of

STARTED = "2026-03-01T12:00:00Z"
STATE_LIMIT = 256 * 1024
_INVOKE = "arn:aws:states:::lambda:invoke"

Resources = dict[str, Callable[[Any], Any]]


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
        resources: What each `Resource` (substitutions unresolved) does with its parameters; what
            `lambda:invoke` does answers with the payload alone.
        passed: The states in the order in which they were entered.
        calls: How often the work of a state was done, that of children included.
        waited: Seconds that retries would have waited at the most, by state.
        children: The executions of maps, in the order of the items.
        arn: Its name.
        pause: What a Wait does with its seconds.
        stop_after: The state after which it is stopped from outside, without a word.
        started: When, as its states are told.
    """

    definition: dict[str, Any]
    resources: Resources
    passed: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    waited: dict[str, list[float]] = field(default_factory=dict)
    children: list[Execution] = field(default_factory=list)
    status: str = "RUNNING"
    output: Any = None
    error: str = ""
    cause: str = ""
    arn: str = "execution"
    pause: Callable[[float], None] = lambda seconds: None
    stop_after: str = ""
    started: str = STARTED
    _context: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, resources: Resources) -> Execution:
        """An execution of the machine in a file."""
        return cls(yaml.safe_load(path.read_text()), resources)

    def run(self, event: Any) -> Execution:
        """Run to the end."""
        self._context = {
            "Execution": {"Id": self.arn, "Input": event, "StartTime": self.started},
            "Task": {"Token": f"token of {self.arn}"},
        }
        name, held = self.definition["StartAt"], json.loads(json.dumps(event))
        while name:
            state = self.definition["States"][name]
            self.passed.append(name)
            if state["Type"] == "Fail":
                cause = value_of(state["CausePath"], held, self._context)
                return self._failed(StateError(state["Error"], cause))
            if state["Type"] == "Succeed":
                break
            if state["Type"] == "Wait":
                self.pause(value_of(state["SecondsPath"], held, self._context))
                if name == self.stop_after:
                    self.status = "ABORTED"
                    return self
                name = state["Next"]
                continue
            if state["Type"] == "Choice":
                name = chosen(state, held, self._context)
                continue
            try:
                result = self._work(name, state, held)
            except StateError as error:
                catch = _matching(state.get("Catch", []), error)
                if catch is None:
                    return self._failed(error)
                caught = {"Error": error.error, "Cause": error.cause}
                name, held = catch["Next"], placed(held, catch.get("ResultPath", "$"), caught)
                continue
            held = self._held(state, held, result)
            if name == self.stop_after:
                self.status = "ABORTED"
                return self
            name = state.get("Next", "")
        self.status, self.output = "SUCCEEDED", held
        return self

    def _failed(self, error: StateError) -> Execution:
        self.status, self.error, self.cause = "FAILED", error.error, error.cause
        return self

    def _held(self, state: dict[str, Any], held: Any, result: Any) -> Any:
        if "ResultSelector" in state:
            result = built(state["ResultSelector"], result, self._context)
        held = placed(held, state.get("ResultPath", "$"), result)
        return value_of(state.get("OutputPath", "$"), held, self._context)

    def _work(self, name: str, state: dict[str, Any], held: Any) -> Any:
        self._context["State"] = {"Name": name, "EnteredTime": self.started, "RetryCount": 0}
        held = value_of(state.get("InputPath", "$"), held, self._context)
        if state["Type"] == "Pass":
            return (
                built(state["Parameters"], held, self._context) if "Parameters" in state else held
            )
        tries: dict[int, int] = {}
        while True:
            self.calls[name] = self.calls.get(name, 0) + 1
            self._context["State"]["RetryCount"] = sum(tries.values())
            try:
                done = self._map(state, held) if state["Type"] == "Map" else self._task(state, held)
            except StateError as error:
                rule = _matching(state.get("Retry", []), error)
                if rule is None or tries.get(id(rule), 0) >= rule["MaxAttempts"]:
                    raise
                count = tries.get(id(rule), 0)
                most = rule.get("MaxDelaySeconds", 30)
                wait = min(rule["IntervalSeconds"] * rule["BackoffRate"] ** count, most)
                self.waited.setdefault(name, []).append(wait)
                tries[id(rule)] = count + 1
            else:
                return json.loads(json.dumps(done))

    def _task(self, state: dict[str, Any], held: Any) -> Any:
        given = held
        if "Parameters" in state:
            given = built(state["Parameters"], held, self._context)
        result = self._call(state["Resource"], given)
        if state["Resource"] == _INVOKE:
            return {"StatusCode": 200, "Payload": result}
        return result

    def _map(self, state: dict[str, Any], held: Any) -> list[Any]:
        if "ItemReader" in state:
            reader = state["ItemReader"]
            items = self._call(reader["Resource"], built(reader["Parameters"], held, self._context))
        else:
            items = value_of(state["ItemsPath"], held, self._context)
        children = [self._child(state, held, item) for item in items]
        self.children += children
        for child in children:
            for name, count in child.calls.items():
                self.calls[name] = self.calls.get(name, 0) + count
        if any(child.status == "FAILED" for child in children):
            raise StateError("States.ExceedToleratedFailureThreshold", "a child failed")
        outputs = [child.output for child in children]
        if len(json.dumps(outputs)) > STATE_LIMIT:
            raise StateError("States.DataLimitExceeded", "the results do not fit into the state")
        return outputs

    def _child(self, state: dict[str, Any], held: Any, item: Any) -> Execution:
        context = {**self._context, "Map": {"Item": {"Value": item}}}
        child = Execution(state["ItemProcessor"], self.resources, started=self.started)
        return child.run(built(state["ItemSelector"], held, context))

    def _call(self, resource: str, given: Any) -> Any:
        try:
            return self.resources[resource](json.loads(json.dumps(given)))
        except StateError:
            raise
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__}
            raise StateError(type(error).__name__, json.dumps(cause)) from error


def _matching(rules: list[dict[str, Any]], error: StateError) -> dict[str, Any] | None:
    wanted = {error.error, "States.ALL"}
    if error.error != "States.Timeout":
        wanted.add("States.TaskFailed")
    return next((rule for rule in rules if wanted & set(rule["ErrorEquals"])), None)
