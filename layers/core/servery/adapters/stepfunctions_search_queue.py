"""Searches as executions of the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ConflictError
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
        with aws_errors("starting a search"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._state_machine,
                    name=execution,
                    input=msgspec.json.encode(event).decode(),
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                raise ConflictError(f"there is a search {execution} already") from error

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
