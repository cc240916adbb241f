"""Searches as executions of the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.stepfunctions_executions import start_execution
from servery.ports import Halt

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsSearchQueue:
    """Searches as executions, each under the name that its record gives it.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, execution: str, event: dict[str, object]) -> None:
        """Start an execution.

        Raises:
            ConflictError: there is one of that name.
        """
        start_execution(self._client, self._state_machine, execution, event, kind="search")

    def halt(self, execution: str) -> Halt | None:
        """How an execution ended; None while it runs."""
        machine = self._state_machine.replace(":stateMachine:", ":execution:", 1)
        with aws_errors("looking after a search"):
            try:
                told = self._client.describe_execution(executionArn=f"{machine}:{execution}")
            except ClientError as error:
                if code_of(error) != "ExecutionDoesNotExist":
                    raise
                return Halt("missing")
        if told["status"] in ("RUNNING", "PENDING_REDRIVE"):
            return None
        return Halt(told["status"].lower(), told.get("stopDate"))
