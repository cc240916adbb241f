"""Lines on Firehose whose sender waits to hear that they were taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from servery.adapters.aws_errors import aws_errors
from servery.adapters.firehose_batches import batches
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

TRIES = 4
FIRST_PAUSE_SECONDS = 0.05


class FirehoseLines:
    """One delivery stream.

    Args:
        client: Client of Firehose.
        stream: Name of the stream.
        pause: How one waits between two tries.
    """

    def __init__(
        self,
        client: FirehoseClient,
        stream: str,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._pause = pause

    def write(self, lines: Sequence[bytes]) -> None:
        """Write JSON lines, a record each, trying again what is refused.

        Raises:
            UnavailableError: some were not taken; those that were may be written again.
            FaultError: the stream is not there, or may not be written.
        """
        for some in batches([line + b"\n" for line in lines]):
            self._write(some)

    def _write(self, lines: list[bytes]) -> None:
        left = lines
        for attempt in range(TRIES):
            if attempt:
                self._pause(FIRST_PAUSE_SECONDS * 2**attempt)
            left = self._put(left)
            if not left:
                return
        raise UnavailableError(f"{len(left)} of {len(lines)} lines were not taken")

    def _put(self, lines: list[bytes]) -> list[bytes]:
        """One call; the lines that were not taken."""
        with aws_errors("writing to the lake"):
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._stream, Records=[{"Data": line} for line in lines]
            )
        if not answer.get("FailedPutCount"):
            return []
        told = zip(lines, answer["RequestResponses"], strict=True)
        return [line for line, response in told if response.get("ErrorCode")]
