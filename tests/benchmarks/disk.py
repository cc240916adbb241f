"""A file on disk and what is written beside it, as planning and predicting see S3."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec
from servery.domain.batches import Chunk, Source

from benchmarks.forest import LAYOUT


class DiskFiles:
    """One file as the source of a batch.

    Attributes:
        source: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.source = Source(bucket="exchange", key=path.name, etag="e", size=path.stat().st_size)

    def load(self, key: str) -> bytes:
        """The layout, whatever it is called."""
        del key
        return msgspec.json.encode(LAYOUT)

    def read(self, source: Source | Chunk, start: int = 0, end: int = 0) -> bytes:
        """The bytes of a range, or of a chunk."""
        if isinstance(source, Chunk):
            start, end = source.start, source.end
        with self.stream(self.source) as file:
            file.seek(start)
            return file.read(end - start)

    def stream(self, source: Source) -> BinaryIO:
        """All of its bytes, one after the other."""
        del source
        return self._path.open("rb")

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        del bucket
        (self._path.parent / key).write_bytes(content)
