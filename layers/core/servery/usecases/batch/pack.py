"""Pack: what a model server wrote as text becomes a part in Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.chunks import ChunkResult, ChunkState, Layout
from servery.domain.digest import digest_bytes
from servery.domain.packing import Packing
from servery.usecases.batch.unpack import ids_key, packing_key, read_record

if TYPE_CHECKING:
    from servery.ports import Files, Packer
    from servery.usecases.batch.messages import PackEvent


def pack(event: PackEvent, *, files: Files, packer: Packer) -> ChunkResult:
    """Write the part of a chunk; doing it again writes the same bytes.

    Returns:
        The result of the chunk with the size and digest of that part; one of a chunk that is
        not done comes back as it is.

    Raises:
        ArtifactError: what the model server wrote is not there, or something else.
        RetryableError: it cannot be read or written now.
    """
    result = event.result
    if result.state is not ChunkState.DONE:
        return result
    layout = read_record(files, event.layout, Layout)
    packing = read_record(files, packing_key(event.batch), Packing)
    predicted = files.load(f"{layout.parts}{result.name}.{layout.output}")
    ids = files.load(ids_key(event.batch, result.name)) if packing.row else b""
    part = packer(predicted, packing, ids)
    files.put(f"{packing.parts}{result.name}.parquet", part)
    return msgspec.structs.replace(result, bytes=len(part), digest=digest_bytes(part))
