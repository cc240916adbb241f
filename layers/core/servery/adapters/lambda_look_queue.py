"""Hands looks to the function that carries them out in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.errors import FaultError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaLookQueue:
    """Asynchronous invocations of the function that looks.

    Args:
        client: Client of Lambda.
        function: Name of the function.
    """

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def start(self, model: str, look: str) -> None:
        """Hand over a look under an id.

        Raises:
            UnavailableError: it could not be handed over.
        """
        try:
            with aws_errors("asking for a look"):
                self._client.invoke(
                    FunctionName=self._function,
                    InvocationType="Event",
                    Payload=msgspec.json.encode({"model": model, "look": look}),
                )
        except FaultError as error:
            raise UnavailableError("nobody can look now", retry_after=5) from error
