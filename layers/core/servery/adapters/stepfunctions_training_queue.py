"""Starts trainings as executions of the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.stepfunctions_executions import start_execution

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
        start_execution(self._client, self._state_machine, training_id, event, kind="training")
