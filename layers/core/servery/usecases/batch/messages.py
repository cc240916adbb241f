"""What the steps of `batch_prediction` hand on: keys and counts; rows go through S3."""

from __future__ import annotations

import msgspec

from servery.domain.chunks import Chunk, ChunkResult
from servery.domain.manifest import ModelRef


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    pass


class PlanEvent(_Message, frozen=True, kw_only=True):
    """Which batch is to be planned.

    Attributes:
        batch: Its id.
        run: The number of its run.
        exact: Whether its boundaries are to be found by reading the whole file, since looking
            at windows of it has led astray.
    """

    batch: str
    run: int
    exact: bool = False


class ChunkList(_Message, frozen=True, kw_only=True):
    """Where the map finds its items, a JSON array of chunks."""

    bucket: str
    key: str


class Planned(_Message, frozen=True, kw_only=True):
    """What the map needs.

    Attributes:
        batch: Id of the batch.
        run: Number of its run.
        ref: The model that is asked.
        server: Name of its model server, with its version.
        unpack: Whether chunks are row groups that have to be unpacked first.
        pack: Whether what the model server writes has to be packed into Parquet.
        layout: Key of the layout in the exchange bucket.
        chunks: The chunks to be handed out.
        count: How many they are; 0 when a run that is resumed has nothing left to do.
        expires_at: When results may be forgotten, seconds since the epoch, as DynamoDB's text.
    """

    batch: str
    run: int
    ref: ModelRef
    server: str
    unpack: bool
    pack: bool
    layout: str
    chunks: ChunkList
    count: int
    expires_at: str


class UnpackEvent(_Message, frozen=True, kw_only=True):
    """The row groups that are to become a piece that a model server reads.

    The result is the chunk again, which then names the staged piece.
    """

    batch: str
    layout: str
    chunk: Chunk


class PackEvent(_Message, frozen=True, kw_only=True):
    """What the model server wrote for a chunk, and is to become a part in Parquet.

    The result is `result` again, with the size and the digest of that part.
    """

    batch: str
    layout: str
    chunk: Chunk
    result: ChunkResult
