"""The proof that a batch is whole: each chunk has a result, and each row is accounted for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from servery.domain.batches import Batch
from servery.domain.chunks import ChunkResult, ChunkState, chunk_name
from servery.usecases.batch.fail import Caught, reason_of
from servery.usecases.batch.views import Tally

_LONGEST = 500


def why_not_whole(batch: Batch, results: Sequence[ChunkResult], total: Tally) -> str:
    """Why a batch has failed, as a sentence; empty where it is whole and good enough."""
    return (
        _failed(batch, results)
        or _missing(batch, results)
        or _unaccounted(results)
        or _too_many_rejected(batch, total)
    )


def _failed(batch: Batch, results: Sequence[ChunkResult]) -> str:
    failed = [result for result in results if result.state is not ChunkState.DONE]
    if not failed:
        return ""
    first = failed[0]
    return f"{len(failed)} of {batch.chunks} chunks failed; the first, {first.name}: {_why(first)}"


def _missing(batch: Batch, results: Sequence[ChunkResult]) -> str:
    planned = [chunk_name(index) for index in range(batch.chunks)]
    there = {result.name for result in results}
    missing = [name for name in planned if name not in there]
    if missing:
        return f"{len(missing)} of {batch.chunks} chunks left no result; the first is {missing[0]}"
    unknown = sorted(there.difference(planned))
    return f"there are results of chunks that were not planned, {unknown[0]}" if unknown else ""


def _unaccounted(results: Sequence[ChunkResult]) -> str:
    for each in results:
        if each.rows_in != each.rows_out + each.rows_rejected:
            return (
                f"chunk {each.name} read {each.rows_in} rows and accounts for "
                f"{each.rows_out} predicted and {each.rows_rejected} rejected"
            )
    return ""


def _too_many_rejected(batch: Batch, total: Tally) -> str:
    allowed = batch.options.max_rejected
    if total.rows_rejected <= allowed * total.rows_in:
        return ""
    return (
        f"{total.rows_rejected} of {total.rows_in} rows were rejected, "
        f"more than the {allowed * 100:g} % that are allowed"
    )


def _why(result: ChunkResult) -> str:
    """What the state machine caught, as a sentence; anything else as it is."""
    try:
        reason = reason_of(msgspec.json.decode(result.reason, type=Caught))
    except msgspec.DecodeError:
        reason = result.reason or result.state
    return reason[:_LONGEST]
