"""The prediction log on Firehose: a bounded queue, batches, and a count of what is lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from servery.adapters.firehose_batches import MOST_BATCH_LINES, MOST_LINE_BYTES, batches

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

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
        self._lines: deque[tuple[Callable[[], bytes], int]] = deque()
        self._bytes = 0
        self._lost = 0
        self._guard = threading.Lock()
        self._flushing = threading.Lock()

    def record(self, line: Callable[[], bytes], size: int) -> None:
        """Queue one line; what finds no room is counted as lost.

        Args:
            line: Writes it as JSON without its newline; called by `flush`.
            size: About how many bytes are kept until then.
        """
        with self._guard:
            if len(self._lines) >= self._most_lines or self._bytes + size > self._most_bytes:
                self._lost += 1
            else:
                self._lines.append((line, size))
                self._bytes += size

    def flush(self, seconds: float) -> None:
        """Write what waits, trying again what Firehose refuses, for so many seconds at the most.

        What is not written by then is lost: it is better to lose a few lines than to pile up
        ever more of them behind a stream that does not take any.
        """
        until = time.monotonic() + seconds
        with self._flushing:
            missed = 0
            while waiting := self._take():
                lines = _written(waiting) if time.monotonic() < until else []
                missed += len(waiting) - len(lines)
                for batch in batches(lines):
                    missed += len(batch) - self._write(batch, until)
            with self._guard:
                lost, self._lost = self._lost + missed, 0
            if lost:
                self._tell_lost(lost)

    def _take(self) -> list[Callable[[], bytes]]:
        """As many of those that wait as one call takes."""
        with self._guard:
            count = min(len(self._lines), MOST_BATCH_LINES)
            taken = [self._lines.popleft() for _ in range(count)]
            self._bytes -= sum(size for _, size in taken)
        return [line for line, _ in taken]

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


def _written(waiting: list[Callable[[], bytes]]) -> list[bytes]:
    """The lines with their ends; those that cannot be written, or are too long, are none."""
    lines = []
    for write in waiting:
        try:
            line = write() + b"\n"
        except Exception:  # noqa: S112 - a request must not fail for its line, which is counted
            continue
        if len(line) <= MOST_LINE_BYTES:
            lines.append(line)
    return lines
