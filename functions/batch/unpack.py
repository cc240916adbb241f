"""Turns row groups of Parquet into a piece that a model server reads."""

from __future__ import annotations

from servery.domain.chunks import Chunk
from servery.edge.batch_steps import observed
from servery.edge.steps import step
from servery.usecases.batch.messages import UnpackEvent
from servery.usecases.batch.unpack import unpack
from servery.wiring import batch as wiring


@step(UnpackEvent)
@observed("unpack")
def handler(event: UnpackEvent) -> Chunk:
    """Stage the rows; the chunk is that piece then."""
    return unpack(event, files=wiring.files(), row_groups=wiring.row_groups())
