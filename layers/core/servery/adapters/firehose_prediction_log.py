"""The prediction log on Firehose: a bounded queue, batches, and a count of what is lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

MOST_LINE_BYTES = 1000 * 1024  # limits of PutRecordBatch
MOST_BATCH_LINES = 500
MOST_BATCH_BYTES = 4 * 1024 * 1024
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


class FirehosePredictionLog:
    """Keeps lines until `flush` writes them; what cannot be kept or written is counted.

    Neither a full queue nor a Firehose that refuses costs a request anything but its line.

    Args:
        client: Makes the client of Firehose, at the first flush.
        stream: Name of the delivery stream.
        lost: Told how many lines were lost since it was last told.
        most_lines: Lines that wait at the most.
        most_bytes: Bytes that wait at the most.
        pause: How one waits between two tries.
    """

    def __init__(
        self,
        client: Callable[[], FirehoseClient],
        stream: str,
        *,
        lost: Callable[[int], None],
        most_lines: int = 2_000,
        most_bytes: int = 16 * 1024 * 1024,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._tell_lost = lost
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._pause = pause
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0
        self._guard = threading.Lock()
        self._flushing = threading.Lock()

    def record(self, line: bytes) -> None:
        """Queue one JSON line without its newline; what finds no room is counted as lost."""
        line += b"\n"
        with self._guard:
            full = (
                len(line) > MOST_LINE_BYTES
                or len(self._lines) >= self._most_lines
                or self._bytes + len(line) > self._most_bytes
            )
            if full:
                self._lost += 1
            else:
                self._lines.append(line)
                self._bytes += len(line)

    def flush(self, seconds: float) -> None:
        """Write what waits, trying again what Firehose refuses, for so many seconds at the most.

        What is not written by then is lost: it is better to lose a few lines than to pile up
        ever more of them behind a stream that does not take any.
        """
        until = time.monotonic() + seconds
        with self._flushing:
            missed = 0
            while batch := self._take():
                missed += len(batch) - self._write(batch, until)
            with self._guard:
                lost, self._lost = self._lost + missed, 0
            if lost:
                self._tell_lost(lost)

    def _take(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        with self._guard:
            while self._lines and len(batch) < MOST_BATCH_LINES:
                if size + len(self._lines[0]) > MOST_BATCH_BYTES:
                    break
                line = self._lines.popleft()
                size += len(line)
                batch.append(line)
            self._bytes -= size
        return batch

    def _write(self, batch: list[bytes], until: float) -> int:
        """Write a batch; how many lines were taken."""
        left = batch
        pause = FIRST_PAUSE_SECONDS
        while left and time.monotonic() < until:
            left = self._put(left)
            if left:
                self._pause(max(0.0, min(pause, until - time.monotonic())))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return len(batch) - len(left)

    def _put(self, lines: list[bytes]) -> list[bytes]:
        """One call; the lines that were not taken."""
        try:
            answer = self._client().put_record_batch(
                DeliveryStreamName=self._stream, Records=[{"Data": line} for line in lines]
            )
            if not answer.get("FailedPutCount"):
                return []
            told = zip(lines, answer["RequestResponses"], strict=True)
            return [line for line, response in told if response.get("ErrorCode")]
        except Exception:  # whatever it is, nobody has said that he took a line
            return lines
