"""Hides messages that a worker could not settle for a while of its own choosing."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING

from servery.adapters.aws_errors import aws_errors
from servery.adapters.message_calls import in_calls
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LONGEST_SECONDS = 43_200


class SqsVisibility:
    """Changes when messages of one queue come back.

    Args:
        client: Client of SQS.
        url: Address of the queue.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, seconds: Mapping[str, float]) -> None:
        """Hide messages, by their receipt handles, for so many seconds from now.

        Raises:
            UnavailableError: not all of them; those come back when the queue's own time is over.
        """
        pauses = list(seconds.items())
        failed = 0
        for some in in_calls(pauses):
            with aws_errors("hiding messages"):
                answer = self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(n),
                            "ReceiptHandle": handle,
                            "VisibilityTimeout": min(_LONGEST_SECONDS, max(0, ceil(pause))),
                        }
                        for n, (handle, pause) in enumerate(some)
                    ],
                )
            failed += len(answer.get("Failed", []))
        if failed:
            raise UnavailableError(f"{failed} of {len(pauses)} messages could not be hidden")
