"""A standard queue of SQS in memory, by a clock that a test sets: it hides and gives up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes.jobs import Life
from servery.ports import Clock


@dataclass
class Message:
    """One message: its text, when it can be received, and how often it was."""

    id: str
    body: str
    visible: float
    receives: int = 0

    @property
    def receipt(self) -> str:
        """The handle of the last time that it was received; earlier ones are worth nothing."""
        return f"{self.id}/{self.receives}"


@dataclass
class SimulatedQueue:
    """At-least-once delivery, with everything that goes with it.

    Attributes:
        clock: What hiding goes by.
        life: Of the process that sends.
        visibility: Seconds for which a message is hidden when it is received.
        most_receives: After that many it goes to `dead`.
        messages: What is in the queue.
        dead: What was received too often.
    """

    clock: Clock
    life: Life = field(default_factory=Life)
    visibility: float = 370.0
    most_receives: int = 10
    messages: dict[str, Message] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    sent: int = 0

    def send(self, job_ids: Sequence[str], *, delay: float = 0.0) -> None:
        self.life.act("send", lambda: [self._add(job_id, delay) for job_id in job_ids])

    def hide(self, seconds: Mapping[str, float]) -> None:
        self.life.act("hide", lambda: self._hide(seconds))

    def receive(self, most: int = 100) -> list[Message]:
        """The next messages that can be seen, hidden from now on."""
        now = self._now()
        taken: list[Message] = []
        for message in list(self.messages.values()):
            if len(taken) == most:
                break
            if message.visible > now:
                continue
            if message.receives >= self.most_receives:
                self.dead.append(self.messages.pop(message.id).body)
                continue
            message.receives += 1
            message.visible = now + self.visibility
            taken.append(message)
        return taken

    def settle(self, messages: Sequence[Message], answer: Mapping[str, Any]) -> None:
        """What Lambda's poller does with an answer: it deletes all but the failures."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message.id not in failed:
                self.messages.pop(message.id, None)

    def next_visible(self) -> float | None:
        """When the next message can be seen; None where there is none."""
        return min((m.visible for m in self.messages.values()), default=None)

    def _add(self, body: str, delay: float) -> None:
        self.sent += 1
        message = Message(f"message-{self.sent}", body, self._now() + delay)
        self.messages[message.id] = message

    def _hide(self, seconds: Mapping[str, float]) -> None:
        by_receipt = {message.receipt: message for message in self.messages.values()}
        for receipt, pause in seconds.items():
            if receipt in by_receipt:
                by_receipt[receipt].visible = self._now() + pause

    def _now(self) -> float:
        return self.clock.now().timestamp()


def event_of(messages: Sequence[Message]) -> dict[str, Any]:
    """The event that Lambda is given; a message may be in it twice."""
    return {
        "Records": [
            {
                "messageId": message.id,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs",
                "awsRegion": "eu-central-1",
            }
            for message in messages
        ]
    }
