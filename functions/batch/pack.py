"""Turns what a model server wrote as text into a part in Parquet."""

from __future__ import annotations

from servery.domain.chunks import ChunkResult
from servery.edge.batch_steps import observed
from servery.edge.steps import step
from servery.usecases.batch.messages import PackEvent
from servery.usecases.batch.pack import pack
from servery.wiring import batch as wiring


@step(PackEvent)
@observed("pack")
def handler(event: PackEvent) -> ChunkResult:
    """Write the part; the result has its size and digest then."""
    return pack(event, files=wiring.files(), packer=wiring.packer())
