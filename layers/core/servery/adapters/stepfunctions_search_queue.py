"""Starts searches as executions of the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsSearchQueue:
    """Searches as executions, each under the id of its search.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, search: str, event: dict[str, object]) -> None:
        """Start an execution that is called as the search is.

        Raises:
            ConflictError: there is one of that name.
        """
        with aws_errors("starting a search"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._state_machine,
                    name=search,
                    input=msgspec.json.encode(event).decode(),
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                raise ConflictError(f"there is a search {search} already") from error
