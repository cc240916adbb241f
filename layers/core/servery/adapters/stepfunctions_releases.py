"""Releases as executions of the state machine, and what they can be asked and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.stepfunctions_executions import start_execution
from servery.domain.release_records import ReleaseKind
from servery.errors import ConflictError, FaultError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from servery.domain.release_records import ReleaseRecord
    from servery.ports import ReleaseQueue

_NOBODY_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StepFunctionsReleaseQueue:
    """Hands a release to the state machine, and what has no stages to another queue.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine.
        others: Who carries candidates and rolls out.
    """

    def __init__(self, client: SFNClient, state_machine: str, others: ReleaseQueue) -> None:
        self._client = client
        self._state_machine = state_machine
        self._others = others

    def start(self, record: ReleaseRecord) -> None:
        """Hand over a release, as an execution that is called as it is.

        Raises:
            UnavailableError: it could not be handed over.
        """
        if record.kind is not ReleaseKind.RELEASE:
            self._others.start(record)
            return
        event: dict[str, object] = {"model": record.model, "release": record.id}
        try:
            start_execution(self._client, self._state_machine, record.id, event, kind="release")
        except FaultError as error:
            raise UnavailableError(
                "the release workflow cannot be reached", retry_after=5
            ) from error


class StepFunctionsReleaseExecutions:
    """The executions of releases.

    Args:
        client: Client of Step Functions.
    """

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def is_running(self, execution: str) -> bool:
        """Whether an execution goes on; one that nobody knows does not."""
        with aws_errors("looking at a release"):
            try:
                found = self._client.describe_execution(executionArn=execution)
            except ClientError as error:
                if code_of(error) != "ExecutionDoesNotExist":
                    raise
                return False
        return found["status"] == "RUNNING"

    def go_on(self, token: str, output: dict[str, str]) -> None:
        """Let an execution go on that waits.

        Raises:
            ConflictError: none waits any more.
        """
        if not token:
            raise ConflictError("nothing waits for an answer")
        with aws_errors("answering a release"):
            try:
                self._client.send_task_success(
                    taskToken=token, output=msgspec.json.encode(output).decode()
                )
            except ClientError as error:
                if code_of(error) not in _NOBODY_WAITS:
                    raise
                raise ConflictError("the release does not wait any more") from error
