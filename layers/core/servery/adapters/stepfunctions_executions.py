"""Starts executions of a state machine, each under a name that it has once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


def start_execution(
    client: SFNClient, state_machine: str, name: str, event: dict[str, object], *, kind: str
) -> None:
    """Start an execution.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine.
        name: Of the execution.
        event: Its input.
        kind: What it is, for the sentences of errors: `training`.

    Raises:
        ConflictError: there is one of that name.
    """
    with aws_errors(f"starting a {kind}"):
        try:
            client.start_execution(
                stateMachineArn=state_machine,
                name=name,
                input=msgspec.json.encode(event).decode(),
            )
        except ClientError as error:
            if code_of(error) != "ExecutionAlreadyExists":
                raise
            raise ConflictError(f"there is a {kind} {name} already") from error
