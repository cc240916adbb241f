"""What files are packed in: gzip, and Parquet with its row groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from servery.domain.batches import Source
    from servery.domain.chunks import Chunk
    from servery.domain.packing import FoundColumn, Packing, RowGroup, Unpacked


class Inflate(Protocol):
    """Inflates gzip."""

    def __call__(self, stream: BinaryIO) -> Iterator[bytes]:
        """The content of a gzip file, a bounded block at a time; closes the file at the end.

        `InvalidInputError` where it is truncated or damaged, `TooLargeError` where it is a bomb.
        """
        ...


class Footer(Protocol):
    """What a Parquet file says of itself at its end."""

    @property
    def columns(self) -> list[FoundColumn]:
        """Its columns, in order."""
        ...

    def groups(self, names: Collection[str]) -> list[RowGroup]:
        """Its row groups, sized by the named columns alone."""
        ...


class RowGroups(Protocol):
    """Reads Parquet files in parts."""

    def footer(self, source: Source) -> Footer:
        """What is in a file; `MalformedError` where it is no Parquet file, or a damaged one."""
        ...

    def unpack(self, chunk: Chunk, header: list[str], kept: list[str]) -> Unpacked:
        """The rows of a chunk with the columns of a header.

        Args:
            chunk: Which rows of which groups of which file.
            header: The columns of the piece, in order; one that the file does not have becomes
                the number of the row in its chunk, from 0.
            kept: The columns that are kept beside the piece.

        Raises:
            MalformedError: the file is damaged there.
        """
        ...


class Packer(Protocol):
    """Writes Parquet files; the same rows are the same bytes."""

    def __call__(self, predicted: bytes, packing: Packing, ids: bytes) -> bytes:
        """A part.

        Args:
            predicted: What the model server wrote, CSV with a header.
            packing: What its columns are.
            ids: The table of ids beside the staged piece; empty where there is none.

        Raises:
            ArtifactError: it is not what a model server writes.
        """
        ...
