"""The topic of parts in SNS: a subscription of each queue takes the messages of its own slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.adapters.message_calls import in_calls
from servery.domain.graph_jobs import PartMessage
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef

SLOT = "slot"
"""The attribute that the subscriptions filter by."""


class SnsPartTopic:
    """Publishes the parts of jobs.

    Args:
        client: Client of SNS.
        arn: Of the topic.
    """

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, messages: Sequence[PartMessage]) -> None:
        """Publish.

        Raises:
            UnavailableError: not all of them got there; those that did may be published again.
        """
        failed = 0
        for some in in_calls(messages):
            with aws_errors("publishing the parts of a job"):
                answer = self._client.publish_batch(
                    TopicArn=self._arn,
                    PublishBatchRequestEntries=[_entry(n, m) for n, m in enumerate(some)],
                )
            failed += len(answer.get("Failed", []))
        if failed:
            raise UnavailableError(f"{failed} of {len(messages)} parts were not taken")


def _entry(number: int, message: PartMessage) -> PublishBatchRequestEntryTypeDef:
    return {
        "Id": str(number),
        "Message": msgspec.json.encode(message).decode(),
        "MessageAttributes": {SLOT: {"DataType": "String", "StringValue": str(message.slot)}},
    }
