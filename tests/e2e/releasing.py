"""Releases of one model, state by state: begun, stopped anywhere, looked after by the sweep."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml
from conftest import ROOT, Stack, wait_until

MACHINE: dict[str, Any] = yaml.safe_load(
    (ROOT / "state_machines" / "training_to_serving.asl.yaml").read_text()
)
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
OPEN = ("running", "waiting")
JUDGING = {
    "min_requests": 5,
    "patience_s": 60,
    # Latencies of a local cloud say nothing, and so small a sample much by chance.
    "latency_ratio": 50.0,
    "drift_psi": 5.0,
}
DEADLINE_MS = 20_000  # beside everything else a server may take long to start
QUICK = {
    "shadow": {"share": 1.0, "seconds": 2},
    "canary": [{"share": 0.5, "seconds": 2}],
    "judging": JUDGING,
}


@dataclass(frozen=True)
class Releases:
    """The releases of one model.

    Attributes:
        stack: Where.
        model: Name of the model.
    """

    stack: Stack
    model: str

    def trained(self, **changes: Any) -> dict[str, Any]:
        """Train iris under the model's name, with another section here and there."""
        spec = self.stack.spec("iris", name=self.model) | {"gates": {}} | changes
        spec["serving"] = {**spec["serving"], "deadline_ms": DEADLINE_MS}
        made = self.stack.train(spec)
        assert made["outcome"] == "registered", made
        return made

    def begun(self, version: str, **more: Any) -> dict[str, Any]:
        """Ask for the release of a version."""
        asked = {"version": version, **more}
        answer = self.stack.http.post(f"/models/{self.model}/releases", json=asked)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def record(self, release: dict[str, Any]) -> dict[str, Any]:
        """The record as it is now."""
        path = f"/models/{self.model}/releases/{release['id']}"
        return dict(self.stack.http.get(path).raise_for_status().json())

    def reaches(self, release: dict[str, Any], *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until the record is in one of these states."""

        def there() -> dict[str, Any] | None:
            record = self.record(release)
            return record if record["state"] in states else None

        what = f"release {release['id']} is {' or '.join(states)}"
        return dict(wait_until(there, seconds=seconds, what=what))

    def over(self, release: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
        """Wait until it has ended, however it does."""
        ends = ("succeeded", "refused", "rolled_back", "aborted", "failed")
        return self.reaches(release, *ends, seconds=seconds)

    def answering(self) -> tuple[str, dict[str, Any] | None]:
        """Who is champion, and what a release is bringing beside it."""
        deployment = self.stack.deployment(self.model)
        return deployment["champion"]["ref"]["version"], deployment["rollout"]

    def in_stage(self, stage: str) -> None:
        """Wait until a stage gives the version its share."""

        def begun() -> bool:
            rollout = self.answering()[1] or {}
            return rollout.get("stage") == stage and rollout["share"] > 0

        wait_until(begun, seconds=60, what=f"the {stage} of {self.model} has begun")

    def execution(self, release: dict[str, Any]) -> str:
        """ARN of the execution that carries a release out, which bears its id."""
        machine = self.stack.status["outputs"]["TrainingToServingStateMachineArn"]
        return f"{machine.replace(':stateMachine:', ':execution:')}:{release['id']}"

    def passed(self, release: dict[str, Any]) -> list[str]:
        """The states that an execution has left, in order; an end counts as left when entered."""
        states = self.stack.client("stepfunctions")
        pages = states.get_paginator("get_execution_history").paginate(
            executionArn=self.execution(release)
        )
        found = []
        for event in (event for page in pages for event in page["events"]):
            name = event.get("stateExitedEventDetails", {}).get("name")
            entered = event.get("stateEnteredEventDetails", {}).get("name")
            if name is None and entered and STATES[entered]["Type"] == "Fail":
                name = entered
            if name is not None:
                found.append(name)
        return found

    def stop_after(self, release: dict[str, Any], state: str) -> None:
        """Stop the execution as soon as it has left a state, whatever it does by then."""
        wait_until(
            lambda: state in self.passed(release),
            seconds=90,
            what=f"release {release['id']} leaves {state}",
        )
        self.stop(release)

    def stop(self, release: dict[str, Any]) -> None:
        """Stop the execution, which says nothing then; one that has ended stays as it is."""
        states = self.stack.client("stepfunctions")
        with suppress(states.exceptions.ClientError):
            states.stop_execution(executionArn=self.execution(release))
        arn = self.execution(release)
        status = lambda: states.describe_execution(executionArn=arn)["status"]  # noqa: E731
        # LocalStack finishes the state that it is in.
        wait_until(lambda: status() != "RUNNING", seconds=60, what="the execution has stopped")

    def swept(self) -> dict[str, Any]:
        """Look for stopped releases now, as the schedule does every five minutes."""
        done = self.stack.client("lambda").invoke(
            FunctionName=self.stack.status["functions"]["ReleaseSweepFunction"], Payload=b"{}"
        )
        told = json.loads(done["Payload"].read())
        assert "FunctionError" not in done, told
        return dict(told)
