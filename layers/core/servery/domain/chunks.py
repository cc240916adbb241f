"""The chunk: one piece of a batch, what all pieces have in common, and what each came to."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a batch, as the plan cuts it and the map hands it out.

    Attributes:
        name: Five digits, in input order: `00000`.
        key: The object that holds it: the source, or a piece that was staged.
        version_id: As in `Source`; empty for a staged piece.
        etag: As in `Source`; empty for a staged piece.
        bucket: Where the object is.
        start: First byte.
        end: Byte behind the last one; 0 for all of an object without a byte.
        groups: First row group and the one behind the last (Parquet only).
        rows: Which rows of those groups, from 0: the first and the one behind the last (Parquet
            only).
    """

    name: str
    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    start: int = 0
    end: int = 0
    groups: tuple[int, int] | None = None
    rows: tuple[int, int] | None = None


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What every chunk of a batch has in common; kept as `layout.json`.

    Attributes:
        batch: Id of the batch.
        format: What the model server reads, csv or jsonl.
        header: Names of the columns in the order of the file (csv); empty for jsonl.
        ids: Columns that are passed through, in the order of the output.
        ignored: Columns that may be there and are not read (the target, for example).
        output: What the model server writes, csv or jsonl.
        bucket: Where it writes to.
        parts: Prefix of the parts, `outbox/{model}/{batch}/part-`.
        rejects: Prefix of the pieces of the rejects file.
        exact: Whether the boundaries were found by reading everything before them.
        by_row: Whether rows are told by their number and not by their line (Parquet, whose text
            may have line ends and whose rows have no lines).
    """

    batch: str
    format: Literal["csv", "jsonl"]
    header: list[str] = []
    ids: list[str] = []
    ignored: list[str] = []
    output: Literal["csv", "jsonl"]
    bucket: str
    parts: str
    rejects: str
    exact: bool = False
    by_row: bool = False


class ChunkState(StrEnum):
    """What became of a chunk; `misaligned` is one that ends in a quoted field."""

    DONE = "done"
    FAILED = "failed"
    MISALIGNED = "misaligned"


class ChunkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk came to. For the same chunk and model it is always the same.

    Attributes:
        name: Of the chunk.
        state: What became of it.
        rows_in: Rows read.
        rows_out: Rows predicted.
        rows_rejected: Rows rejected.
        lines: Lines of the file that it spans (Parquet: rows).
        bytes: Size of the part.
        digest: SHA-256 (hex) of the part.
        model_ms: Milliseconds that the model took.
        retries: How often it had been tried before.
        reason: Why it failed.
    """

    name: str
    state: ChunkState
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    lines: int = 0
    bytes: int = 0
    digest: str = ""
    model_ms: float = 0.0
    retries: int = 0
    reason: str = ""


def chunk_name(index: int) -> str:
    """Name of the chunk with this number, from 0."""
    return f"{index:05d}"
