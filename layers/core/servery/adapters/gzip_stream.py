"""Inflates gzip, files of several members too, a bounded block at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from servery.errors import InvalidInputError, TooLargeError

BLOCK = 1024 * 1024
MOST_INFLATED = 10 * 1024**3
"""Bytes that a file may have once it is inflated; what comes to more is refused as a bomb."""
_GZIP = 16 + zlib.MAX_WBITS


def inflate(stream: BinaryIO, *, block: int = BLOCK, most: int = MOST_INFLATED) -> Iterator[bytes]:
    """The content of a gzip file.

    Args:
        stream: The compressed bytes; closed at the end.
        block: Bytes that are given at once, at the most.
        most: Bytes that there may be in all.

    Raises:
        InvalidInputError: it is truncated or damaged.
        TooLargeError: it inflates to more than the bound.
    """
    total = 0
    with stream:
        for content in _members(stream, block):
            total += len(content)
            if total > most:
                raise TooLargeError(
                    f"the file inflates to more than the {most:,} bytes that are allowed"
                )
            yield content


def _members(stream: BinaryIO, block: int) -> Iterator[bytes]:
    compressed = stream.read(BLOCK)
    while compressed:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            # Without input, what the last one still had to give may be more than a block.
            content = _inflated(member, compressed, block)
            compressed = member.unused_data if member.eof else member.unconsumed_tail
            if content:
                yield content
            if not compressed and not member.eof:
                compressed = stream.read(BLOCK)
                if not compressed and not content:
                    raise InvalidInputError("the compressed file ends too early; it is truncated")
        compressed = _behind(compressed, stream)


def _inflated(member: zlib._Decompress, compressed: bytes, block: int) -> bytes:
    try:
        return member.decompress(compressed, block)
    except zlib.error as error:
        raise InvalidInputError("the compressed file is damaged") from error


def _behind(compressed: bytes, stream: BinaryIO) -> bytes:
    """What follows a member: the next one, or nothing; zeros are padding."""
    compressed = compressed.lstrip(b"\0")
    while not compressed:
        more = stream.read(BLOCK)
        if not more:
            return b""
        compressed = more.lstrip(b"\0")
    return compressed
