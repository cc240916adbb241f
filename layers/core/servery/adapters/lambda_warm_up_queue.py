"""Hands warm-ups to the function that carries them out in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.errors import FaultError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from servery.domain.warm_ups import WarmUp


class LambdaWarmUpQueue:
    """Asynchronous invocations of the function that warms.

    Args:
        client: Client of Lambda.
        function: Name of the function.
    """

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def start(self, warm_up: WarmUp) -> None:
        """Hand over a warm-up.

        Raises:
            UnavailableError: it could not be handed over.
        """
        event = {"model": warm_up.model, "warm_up": warm_up.id}
        try:
            with aws_errors("starting the warm-up"):
                self._client.invoke(
                    FunctionName=self._function,
                    InvocationType="Event",
                    Payload=msgspec.json.encode(event),
                )
        except FaultError as error:
            raise UnavailableError("nobody can warm the cache now", retry_after=5) from error
