"""The verb `chunk`: one chunk of a batch, asked for by a state machine.

`{"verb": "chunk", "ref": ..., "layout": "batches/{id}/layout.json", "chunk": {...}, "retries": 0}`
is answered with a `ChunkResult`. Unlike the other verbs it raises, by branch, since a state
machine goes by the names of errors: `RejectedError` where the source is not what it was,
`RetryableError` where S3 or the model cannot be had now, `FaultError` where somebody has to look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.chunks import Chunk, ChunkResult
from servery.domain.manifest import ModelRef
from servery.domain.pairs import check_direct
from servery.edge.predictor.events import log_ours
from servery.edge.steps import step

if TYPE_CHECKING:
    from servery.edge.predictor.measures import Measures
    from servery.usecases.predictor import Shelf
    from servery.usecases.predictor.chunk import ChunkPredictor


class ChunkEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Which model is to predict which chunk.

    Attributes:
        ref: The model, exactly.
        layout: Key of the layout in the exchange bucket.
        chunk: The piece.
        retries: How often it was tried before.
    """

    ref: ModelRef
    layout: str
    chunk: Chunk
    retries: int = 0


def answer_chunk(
    value: dict[str, Any],
    shelf: Callable[[], Shelf],
    chunks: Callable[[], ChunkPredictor],
    measures: Measures,
) -> dict[str, Any]:
    """Predict the chunk of an event.

    Raises:
        RejectedError, RetryableError, FaultError: as the module says.
    """

    def run(event: ChunkEvent) -> ChunkResult:
        check_direct(event.ref)
        started = time.perf_counter()
        chosen = shelf().choose(event.ref, exact=True)
        result = chunks().predict(chosen.model, event.layout, event.chunk, retries=event.retries)
        milliseconds = (time.perf_counter() - started) * 1000
        measures.chunk(_name(event), chosen, result, milliseconds)
        return result

    def logged(event: ChunkEvent) -> ChunkResult:
        try:
            return run(event)
        except Exception as error:
            log_ours(error, request_id=_name(event), route="batch")
            raise

    answer: dict[str, Any] = step(ChunkEvent)(logged)(value, None)
    return answer


def _name(event: ChunkEvent) -> str:
    """The batch's prefix and the chunk's name: what its lines are found by."""
    return f"{event.layout.rpartition('/')[0]}/{event.chunk.name}"
