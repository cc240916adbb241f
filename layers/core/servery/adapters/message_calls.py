"""SQS and SNS take ten messages in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST_MESSAGES = 10

Message = TypeVar("Message")


def in_calls(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The messages in order, as many at once as one call takes."""
    for first in range(0, len(messages), MOST_MESSAGES):
        yield messages[first : first + MOST_MESSAGES]
