"""The trainings that are under way, out of the executions of the state machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from servery.adapters.aws_errors import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class _Spec(msgspec.Struct, frozen=True):
    name: Any = ""


class _Input(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()


class StepFunctionsRunningTrainings:
    """Asks Step Functions.

    Args:
        client: Client of Step Functions.
        state_machines: ARNs of those that train.
    """

    def __init__(self, client: SFNClient, state_machines: Sequence[str]) -> None:
        self._client = client
        self._machines = state_machines

    def of(self, model: str) -> list[str]:
        """Names of the executions that train a model at the moment.

        Raises:
            RetryableError: nobody can say now.
        """
        with aws_errors("looking for trainings"):
            return list(self._running(model))

    def _running(self, model: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_executions")
        for machine in self._machines:
            for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING"):
                for execution in page["executions"]:
                    arn = execution["executionArn"]
                    about = self._client.describe_execution(executionArn=arn)
                    if _model(about.get("input", "")) == model:
                        yield execution["name"]


def _model(event: str) -> object:
    try:
        return msgspec.json.decode(event, type=_Input).spec.name
    except msgspec.MsgspecError:
        return ""
