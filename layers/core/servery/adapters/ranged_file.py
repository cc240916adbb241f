"""An object as a file that can be searched: each read of it asks for a range."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from servery.domain.batches import Source
    from servery.ports import Files


def open_ranged(files: Files, source: Source, *, block: int) -> BinaryIO:
    """A file over one version of an object; to be closed.

    Args:
        files: What reads ranges.
        source: Which version of which object.
        block: Bytes that are asked for at once, at the least, where reads follow each other.
    """
    return cast("BinaryIO", io.BufferedReader(_RangedFile(files, source), block))


class _RangedFile(io.RawIOBase):
    def __init__(self, files: Files, source: Source) -> None:
        super().__init__()
        self._files = files
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has a buffer
        content = self._files.read(self._source, self._position, self._position + len(buffer))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
