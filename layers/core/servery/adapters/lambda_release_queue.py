"""Hands releases to the release function, which carries them out in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.errors import FaultError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from servery.domain.release_records import ReleaseRecord


class LambdaReleaseQueue:
    """Asynchronous invocations of the release function, which Lambda keeps and tries again.

    Args:
        client: Client of Lambda.
        function: Name of the release function.
    """

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def start(self, record: ReleaseRecord) -> None:
        """Hand over a release.

        Raises:
            UnavailableError: it could not be handed over.
        """
        event = {"model": record.model, "release": record.id}
        try:
            with aws_errors("starting the release"):
                self._client.invoke(
                    FunctionName=self._function,
                    InvocationType="Event",
                    Payload=msgspec.json.encode(event),
                )
        except FaultError as error:
            raise UnavailableError(
                "the release function cannot be reached", retry_after=5
            ) from error
