"""Trainings as pipelines: what did not change is skipped, what failed goes on where it stopped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devkit import training
from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from devkit.deployments import Deployed
    from devkit.history import Passed

STEPS = ("collect", "preprocess", "train", "export", "evaluate", "register")
_MACHINES = ("PipelineTrainingStateMachineArn", "BatchTrainingStateMachineArn")
_CHOICES = ("only", "until")
_UNKNOWN = ("ExecutionDoesNotExist", "InvalidArn")


def part(*, step: str | None, until: str | None) -> dict[str, str]:
    """What an event says of the steps that are to run; nothing for all of them.

    Args:
        step: The only one, on what earlier runs left.
        until: The last one.

    Raises:
        UsageError: there is no such step, or both are given.
    """
    if step and until:
        raise UsageError("Say --step or --until, not both.", "--step runs one step alone.")
    for name in (step, until):
        if name is not None and name not in STEPS:
            raise UsageError(f"There is no step {name!r}.", f"Steps: {', '.join(STEPS)}.")
    return {key: name for key, name in zip(_CHOICES, (step, until), strict=True) if name}


def start(deployed: Deployed, event: dict[str, Any]) -> training.Started:
    """Start the pipeline on an event, as a training of its own.

    Args:
        deployed: The stack.
        event: With a spec whose data is in S3 already.
    """
    model = str(event["spec"]["name"])
    training_id = training.name_training(model, datetime.now(UTC))
    answer = deployed.target.client("stepfunctions").start_execution(
        stateMachineArn=deployed.outputs[_MACHINES[0]],
        name=training_id,
        input=json.dumps({**event, "training_id": training_id, "reuse": True}),
    )
    return training.Started(training_id, model, answer["executionArn"])


def resumed(deployed: Deployed, training_id: str, chosen: dict[str, str]) -> dict[str, Any]:
    """What a training was started with, to be started again as a pipeline.

    Whatever started it: the steps that it finished are found by what went into them.

    Args:
        deployed: The stack.
        training_id: The training to go on with.
        chosen: The steps that are to run now; empty for those that were to run then.

    Raises:
        DevkitError: there is no such training, or it still runs.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    client = deployed.target.client("stepfunctions")
    for machine in _MACHINES:
        arn = deployed.outputs[machine].replace(":stateMachine:", ":execution:")
        try:
            found = client.describe_execution(executionArn=f"{arn}:{training_id}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _UNKNOWN:
                raise
            continue
        if found["status"] == "RUNNING":
            raise DevkitError(
                f"{training_id} still runs.", "Wait for its end; nothing of it is done twice."
            )
        event: dict[str, Any] = {**json.loads(found["input"]), "origin": "cli"}
        left = {k: v for k, v in event.items() if not chosen or k not in _CHOICES}
        return {**left, **chosen}
    raise DevkitError(
        f"There is no training {training_id}.",
        "servery models MODEL lists them; Step Functions forgets a run after 90 days.",
    )


def skipped(state: Passed) -> str:
    """Whose output a state took in place of doing its work; empty where it did its work."""
    result = state.output.get(state.name.lower())
    if not isinstance(result, dict) or not result.get("skipped"):
        return ""
    return f"unchanged, from {result.get('from', '')}"
