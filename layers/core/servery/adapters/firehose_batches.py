"""What one call of Firehose takes."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LINE_BYTES = 1000 * 1024  # limits of PutRecordBatch
MOST_BATCH_LINES = 500
MOST_BATCH_BYTES = 4 * 1024 * 1024


def batches(lines: Sequence[bytes]) -> list[list[bytes]]:
    """The lines in order, as many together as one call takes."""
    found: list[list[bytes]] = []
    size = 0
    for line in lines:
        full = not found or len(found[-1]) == MOST_BATCH_LINES
        if full or size + len(line) > MOST_BATCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(line)
        size += len(line)
    return found
