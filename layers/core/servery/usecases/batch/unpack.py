"""Unpack: row groups of Parquet become a piece of text that a model server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from servery.domain.batches import SCRATCH
from servery.domain.chunks import Chunk, Layout
from servery.domain.packing import PACKING, Packing
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from servery.ports import Files, RowGroups
    from servery.usecases.batch.messages import UnpackEvent

T = TypeVar("T", bound=msgspec.Struct)


def unpack(event: UnpackEvent, *, files: Files, row_groups: RowGroups) -> Chunk:
    """Stage the rows of a chunk; doing it again writes the same bytes.

    Returns:
        The chunk, which names the staged piece now. Its groups and rows stay.

    Raises:
        RejectedError: the file is damaged, or no longer there as it was.
        RetryableError: it cannot be read or written now.
    """
    layout = read_record(files, event.layout, Layout)
    kept = _kept(files, event.batch, layout)
    unpacked = row_groups.unpack(event.chunk, layout.header, kept)
    key = f"{SCRATCH}/{event.batch}/staged/{event.chunk.name}.csv"
    if kept:
        files.put(ids_key(event.batch, event.chunk.name), unpacked.ids)
    files.put(key, unpacked.rows)
    return msgspec.structs.replace(
        event.chunk,
        bucket=layout.bucket,
        key=key,
        version_id="",
        etag="",
        start=0,
        end=len(unpacked.rows),
    )


def ids_key(batch: str, name: str) -> str:
    """Where the ids of a chunk are kept beside its staged piece."""
    return f"{SCRATCH}/{batch}/staged/{name}.ids.parquet"


def packing_key(batch: str) -> str:
    """Where a batch says how its parts become Parquet."""
    return f"{SCRATCH}/{batch}/{PACKING}"


def read_record(files: Files, key: str, kind: type[T]) -> T:
    """A record out of the exchange bucket.

    Raises:
        ArtifactError: it is not there, or another one.
    """
    try:
        return msgspec.json.decode(files.load(key), type=kind)
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"{key} cannot be read: {error}") from error


def _kept(files: Files, batch: str, layout: Layout) -> list[str]:
    """The columns that do not travel as text, since the parts become Parquet."""
    if not layout.parts.startswith(f"{SCRATCH}/"):
        return []
    packing = read_record(files, packing_key(batch), Packing)
    return packing.ids if packing.row else []
