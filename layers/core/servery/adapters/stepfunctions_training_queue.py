"""Starts trainings as executions of the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsTrainingQueue:
    """Trainings as executions, each under the name of its training.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the training state machine.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, training_id: str, event: dict[str, object]) -> None:
        """Start an execution that is called `training_id`.

        Raises:
            ConflictError: there is one of that name.
        """
        with aws_errors("starting a training"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._state_machine,
                    name=training_id,
                    input=msgspec.json.encode(event).decode(),
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                raise ConflictError(f"there is a training {training_id} already") from error
