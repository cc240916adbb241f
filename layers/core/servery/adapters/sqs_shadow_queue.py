"""Copies for shadows on SQS: kept until the response has left, then sent together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.message_calls import MOST_MESSAGES
from servery.ports.shadows import DOCUMENTS, ShadowMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from servery.ports import Clock, Documents, ShadowCopy

MOST_MESSAGE_BYTES = 200_000
MOST_CALL_BYTES = 256 * 1024  # what all messages of one call may have

_encode = msgspec.json.Encoder().encode


class SqsShadowQueue:
    """Keeps copies until `flush` sends them; what cannot be kept or sent is counted.

    Neither a full queue nor an SQS that refuses costs a request anything but its comparison.

    Args:
        client: Makes the client of SQS, at the first flush.
        url: Address of the queue.
        documents: Makes the store of what is too large for a message.
        clock: When a request was answered.
        entropy: A name that no other call of it gives.
        lost: Told how many copies were lost since it was last told.
        most: Copies that wait at the most.
        most_bytes: Bytes that wait at the most.
    """

    def __init__(
        self,
        client: Callable[[], SQSClient],
        url: str,
        *,
        documents: Callable[[], Documents],
        clock: Clock,
        entropy: Callable[[], str],
        lost: Callable[[int], None],
        most: int = 500,
        most_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._client = client
        self._url = url
        self._documents = documents
        self._clock = clock
        self._entropy = entropy
        self._tell_lost = lost
        self._most = most
        self._most_bytes = most_bytes
        self._copies: deque[tuple[float, ShadowCopy, int]] = deque()
        self._bytes = 0
        self._lost = 0
        self._guard = threading.Lock()
        self._flushing = threading.Lock()

    def send(self, copy: ShadowCopy) -> None:
        """Keep a copy for the next flush; what finds no room is counted as lost."""
        size = len(copy.body) + len(copy.answer)
        with self._guard:
            if len(self._copies) >= self._most or self._bytes + size > self._most_bytes:
                self._lost += 1
                return
            self._copies.append((self._clock.now().timestamp(), copy, size))
            self._bytes += size

    def flush(self, seconds: float) -> None:
        """Send what waits, for so many seconds at the most; what is left then is lost."""
        if not self._copies and not self._lost:
            return
        until = time.monotonic() + seconds
        with self._flushing:
            missed = 0
            while some := self._take():
                missed += len(some) - self._send(some, until)
            with self._guard:
                lost, self._lost = self._lost + missed, 0
            if lost:
                self._tell_lost(lost)

    def _take(self) -> list[tuple[float, ShadowCopy]]:
        taken: list[tuple[float, ShadowCopy]] = []
        with self._guard:
            while self._copies and len(taken) < MOST_MESSAGES:
                at, copy, size = self._copies.popleft()
                self._bytes -= size
                taken.append((at, copy))
        return taken

    def _send(self, copies: list[tuple[float, ShadowCopy]], until: float) -> int:
        """Send copies; how many were taken."""
        messages: list[str] = []
        for at, copy in copies:
            if time.monotonic() < until:
                message = self._message(at, copy)
                messages += [message] if message is not None else []
        return sum(self._call(some) for some in _fitting(messages) if time.monotonic() < until)

    def _message(self, at: float, copy: ShadowCopy) -> str | None:
        """The message of a copy, which may be in S3; None where that could not be written."""
        try:
            name = self._entropy()
            content = _encode(ShadowMessage(id=name, at=at, copy=copy))
            if len(content) > MOST_MESSAGE_BYTES:
                key = f"{DOCUMENTS}/{name}.json"
                self._documents().put(key, _encode(copy))
                content = _encode(ShadowMessage(id=name, at=at, document=key))
            return content.decode()
        except Exception:  # whatever it is, the copy is not there, and nobody waits for it
            return None

    def _call(self, messages: list[str]) -> int:
        """One call; how many messages were taken."""
        try:
            answer = self._client().send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(messages)],
            )
        except Exception:  # whatever it is, nobody has said that he took a message
            return 0
        return len(messages) - len(answer.get("Failed", []))


def _fitting(messages: list[str]) -> list[list[str]]:
    """The messages in order, as many together as one call takes."""
    calls: list[list[str]] = []
    size = 0
    for message in messages:
        length = len(message.encode())
        if not calls or size + length > MOST_CALL_BYTES:
            calls.append([])
            size = 0
        calls[-1].append(message)
        size += length
    return calls
