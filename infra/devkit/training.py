"""Trainings as a client sees them: data uploaded, execution started, states watched."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devkit import history, outcomes
from devkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devkit.deployments import Deployed
    from devkit.history import Passed, Progress
    from devkit.screen import Screen

_POLL_LOCAL = 0.15
_POLL_AWS = 1.0
_RUNNING = "RUNNING"


@dataclass(frozen=True)
class Started:
    """A training under way.

    Attributes:
        training_id: Its name, and that of the execution.
        model: What is trained.
        execution: ARN of the execution.
    """

    training_id: str
    model: str
    execution: str


def name_training(model: str, now: datetime) -> str:
    """A name for a training: sorts by time, unique, fit for an execution."""
    return f"{model}-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def uploader(deployed: Deployed) -> Callable[[str, Path], None]:
    """What uploads a file into the artifacts bucket, once for the same content."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    store, bucket = deployed.target.client("s3"), deployed.outputs["ArtifactsBucketName"]

    def put(key: str, path: Path) -> None:
        try:
            store.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404):
                raise
            store.upload_file(str(path), bucket, key)

    return put


def named(experiment: str | None) -> dict[str, str]:
    """What an event says of an experiment; nothing where it is none.

    Raises:
        UsageError: no experiment can be called so.
    """
    from servery.domain.versioning import check_experiment  # noqa: PLC0415
    from servery.errors import InvalidVersionError  # noqa: PLC0415

    if experiment is None:
        return {}
    try:
        check_experiment(experiment)
    except InvalidVersionError as error:
        raise UsageError(f"No experiment is called {experiment!r}.", f"{error}.") from error
    return {"experiment": experiment}


def start(deployed: Deployed, spec: dict[str, Any], **more: str) -> Started:
    """Start the training state machine on a spec whose data is in S3 already.

    Args:
        deployed: The stack.
        spec: What is trained.
        more: What else the event says.
    """
    model = str(spec["name"])
    training_id = name_training(model, datetime.now(UTC))
    event = {"training_id": training_id, "origin": "cli", "spec": spec, **more}
    answer = deployed.target.client("stepfunctions").start_execution(
        stateMachineArn=deployed.outputs["BatchTrainingStateMachineArn"],
        name=training_id,
        input=json.dumps(event),
    )
    return Started(training_id, model, answer["executionArn"])


def watch(
    client: Any,  # noqa: ANN401 - of Step Functions
    started: Started,
    *,
    pause: float,
    passed: Callable[[Passed], None],
    running: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Wait until a training has ended, telling of each state as it is left.

    Args:
        client: Of Step Functions.
        started: What to watch.
        pause: Seconds between two looks.
        passed: Told of each state once.
        running: Told at each look how far it is.

    Returns:
        Output of the execution: `outcome` is registered, refused or failed; a failed one has
        `failed_step` and `reasons`.
    """
    told = 0
    while True:
        status = client.describe_execution(executionArn=started.execution)
        events = _events(client, started.execution)
        seen = history.progress(events)
        for state in seen.passed:
            if state.at > told:
                passed(state)
                told = state.at
        running(seen)
        if status["status"] != _RUNNING:
            return _ended(started, status, events, seen)
        time.sleep(pause)


def follow(
    deployed: Deployed,
    started: Started,
    *,
    passed: Callable[[Passed], None],
    running: Callable[[Progress], None],
) -> dict[str, Any]:
    """`watch` on a stack, looking often where looking costs nothing."""
    client = deployed.target.client("stepfunctions")
    pause = _POLL_AWS if deployed.endpoint_url is None else _POLL_LOCAL
    return watch(client, started, pause=pause, passed=passed, running=running)


def shown(
    deployed: Deployed,
    started: Started,
    screen: Screen,
    *,
    about: Callable[[Passed], str] = lambda _: "",
) -> dict[str, Any]:
    """`watch`, with a line for each step that is done and the one under way on a terminal.

    Args:
        deployed: The stack.
        started: What to watch.
        screen: Where to show it.
        about: What there is to say about a step that is done.
    """
    with screen.doing() as now:

        def passed(state: Passed) -> None:
            if state.kind == "Task":
                again = f"{state.attempts} attempts" if state.attempts > 1 else ""
                told = ", ".join(part for part in (about(state), again) if part)
                screen.done(state.name, told, state.seconds, failed=state.failed)

        output = follow(
            deployed, started, passed=passed, running=lambda seen: now(seen.running or "waiting")
        )
    outcomes.show_rejects(deployed, output, screen)
    return output


def _events(client: Any, execution: str) -> list[dict[str, Any]]:  # noqa: ANN401
    found: list[dict[str, Any]] = []
    pages = client.get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution, includeExecutionData=True, maxResults=1000):
        found.extend(page["events"])
    return found


def _ended(
    started: Started, status: dict[str, Any], events: list[dict[str, Any]], seen: Progress
) -> dict[str, Any]:
    base = {"training_id": started.training_id, "model": started.model}
    if status["status"] == "SUCCEEDED":
        output = json.loads(status.get("output") or "{}")
        return {**base, **output} if "outcome" in output else {**base, "outcome": "registered"}
    error, cause = history.failure(events)
    error, cause = str(status.get("error") or error), str(status.get("cause") or cause)
    told = _recorded(cause)
    return {
        **base,
        "outcome": "failed",
        "failed_step": seen.running or (seen.passed[-1].name if seen.passed else ""),
        "reasons": [f"{error}: {_sentence(cause)}" if error else status["status"].lower()],
        **told,
    }


def _recorded(cause: str) -> dict[str, Any]:
    """The record of a failed training where the cause of the execution is one."""
    try:
        content = json.loads(cause)
    except ValueError:
        return {}
    return content if isinstance(content, dict) and "outcome" in content else {}


def _sentence(cause: str) -> str:
    """What a person needs of a cause: Lambda's has the message among a traceback."""
    try:
        content = json.loads(cause)
    except ValueError:
        return cause
    return str(content.get("errorMessage", cause)) if isinstance(content, dict) else cause
