"""Queues of jobs in SQS: a message is the id of a job and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from servery.adapters.aws_errors import aws_errors
from servery.adapters.message_calls import MOST_MESSAGES, in_calls
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_SECONDS = 60
_LONGEST_DELAY = 900
_LONGEST_REASON = 1000
_WAIT_SECONDS = 1  # without waiting, SQS asks some of its machines and may miss what is there


class SqsJobQueue:
    """Messages that say "look at this job"; the queue of callbacks is one too.

    Args:
        client: Client of SQS.
        url: Address of the queue.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, job_ids: Sequence[str], *, delay: float = 0.0) -> None:
        """Put messages into the queue, hidden for `delay` seconds (900 at the most).

        Raises:
            UnavailableError: not all of them got there; those that did may be sent again.
        """
        hidden = min(_LONGEST_DELAY, ceil(delay))
        failed = 0
        for some in in_calls(job_ids):
            with aws_errors("sending to a queue"):
                answer = self._client.send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(n), "MessageBody": job_id, "DelaySeconds": hidden}
                        for n, job_id in enumerate(some)
                    ],
                )
            failed += len(answer.get("Failed", []))
        if failed:
            raise UnavailableError(f"{failed} of {len(job_ids)} messages were not taken")


class SqsDeadJobs:
    """The queue of jobs that failed for good.

    Args:
        client: Client of SQS.
        url: Address of the queue.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def add(self, job_id: str, reason: str) -> None:
        """Lay a job aside; the reason is an attribute of the message."""
        told = "".join(c if c.isprintable() else " " for c in reason[:_LONGEST_REASON])
        attributes: Any = {"reason": {"DataType": "String", "StringValue": told or "unknown"}}
        with aws_errors("laying a job aside"):
            self._client.send_message(
                QueueUrl=self._url, MessageBody=job_id, MessageAttributes=attributes
            )

    def take(self, limit: int) -> Mapping[str, str]:
        """Some of them: the handle of each message and the id of its job; hidden for a minute."""
        taken: dict[str, str] = {}
        while len(taken) < limit:
            with aws_errors("reading the dead queue"):
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=min(MOST_MESSAGES, limit - len(taken)),
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=_WAIT_SECONDS,
                )
            messages = answer.get("Messages", [])
            taken.update((m["ReceiptHandle"], m["Body"]) for m in messages)
            if not messages:
                break
        return taken

    def remove(self, handles: Collection[str]) -> None:
        """Delete messages that were taken; one that is left comes back, which does no harm."""
        for some in in_calls(list(handles)):
            with aws_errors("emptying the dead queue"):
                self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[{"Id": str(n), "ReceiptHandle": h} for n, h in enumerate(some)],
                )
