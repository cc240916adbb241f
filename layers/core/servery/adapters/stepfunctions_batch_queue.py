"""Starts batches as executions of the state machine, and asks whether they are over."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.stepfunctions_executions import start_execution
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from servery.domain.batches import Batch


class StepFunctionsBatchQueue:
    """Batches as executions, each run under a name of its own.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine of batches.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, batch: Batch) -> None:
        """Start the execution `batch.execution`; one that was started already is left alone."""
        event: dict[str, object] = {"batch": batch.id, "run": batch.run}
        with suppress(ConflictError):
            start_execution(self._client, self._state_machine, batch.execution, event, kind="batch")

    def ended(self, batch: Batch) -> bool:
        """Whether that execution is over; one that was never started is not."""
        machine = self._state_machine.replace(":stateMachine:", ":execution:", 1)
        with aws_errors("looking after a batch"):
            try:
                told = self._client.describe_execution(executionArn=f"{machine}:{batch.execution}")
            except ClientError as error:
                if code_of(error) != "ExecutionDoesNotExist":
                    raise
                return False
        return told["status"] not in ("RUNNING", "PENDING_REDRIVE")
