"""What is on the desk when a file is planned, and how its layout is written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from servery.domain.batches import outbox, scratch
from servery.domain.chunks import Chunk, Layout, chunk_name
from servery.domain.packing import Packing
from servery.usecases.batch.header import Columns, columns_of

if TYPE_CHECKING:
    from servery.domain.batches import Batch
    from servery.ports import Files
    from servery.usecases.batch.cutting import Sizes
    from servery.usecases.batch.pinning import Pinned

Text = Literal["csv", "jsonl"]
_LEAST_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Cut:
    """What a plan comes to; `packing` where the parts become Parquet."""

    chunks: list[Chunk]
    layout: Layout
    packing: Packing | None


@dataclass(frozen=True)
class Desk:
    """One batch that is planned.

    Attributes:
        batch: With its format and output.
        pinned: Its model.
        files: What reads and writes files.
        bucket: Name of the exchange bucket.
        sizes: How files are cut.
    """

    batch: Batch
    pinned: Pinned
    files: Files
    bucket: str
    sizes: Sizes

    @cached_property
    def columns(self) -> Columns:
        """What the columns of the file are for.

        Raises:
            InvalidInputError: a column to be passed through has the name of an output.
        """
        return columns_of(self.pinned.manifest, self.batch.options.id_columns)

    @property
    def packs(self) -> bool:
        """Whether the parts become Parquet."""
        return self.batch.output == "parquet"

    def sizes_for(self, row: float) -> Sizes:
        """How the file is cut so that a chunk does not take the model too long.

        Args:
            row: Bytes of a row; 0 where only its rows are counted.
        """
        rows, target = self.pinned.rows, self.sizes.target
        if row:
            target = min(target, max(min(_LEAST_CHUNK, target), int(rows * row)))
        return replace(self.sizes, target=target, rows=min(self.sizes.rows, rows))

    def stage(self, kind: Text, index: int, rows: bytes) -> Chunk:
        """Write some rows as a piece of their own; the chunk that it is."""
        key = f"{scratch(self.batch)}staged/{chunk_name(index)}.{kind}"
        self.files.put(key, rows)
        return Chunk(name=chunk_name(index), bucket=self.bucket, key=key, end=len(rows))

    def made(
        self,
        chunks: list[Chunk],
        kind: Text,
        header: list[str],
        ids: list[str],
        *,
        exact: bool,
        row: str = "",
    ) -> Cut:
        """The plan, with its layout.

        Args:
            chunks: What the map hands out.
            kind: What the model server reads.
            header: Columns of that (csv).
            ids: Columns that are passed through.
            exact: Whether every boundary is certain.
            row: See `Packing`.
        """
        where, parts = scratch(self.batch), f"{outbox(self.batch)}part-"
        layout = Layout(
            batch=self.batch.id,
            format=kind,
            header=header,
            ids=[row] if row else ids,
            ignored=self.columns.left(ids),
            output="jsonl" if self.batch.output == "jsonl" else "csv",
            bucket=self.bucket,
            parts=f"{where}predicted/" if self.packs else parts,
            rejects=f"{where}rejects/",
            exact=exact,
            by_row=self.batch.format == "parquet",
        )
        dtype = self.pinned.manifest.signature.output.dtype
        packing = Packing(ids=ids, row=row, prediction=dtype, parts=parts)
        return Cut(chunks, layout, packing if self.packs else None)
