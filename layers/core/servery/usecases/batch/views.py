"""What is told of batches: typed answers, made out of records."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from servery.domain.batches import MANIFEST, REJECTS, Batch, BatchState, outbox, part_key
from servery.domain.chunks import ChunkResult, ChunkState, chunk_name


class _View(msgspec.Struct, frozen=True, kw_only=True):
    pass


class BatchView(_View, frozen=True, kw_only=True):
    """One batch.

    Attributes:
        id: Unique.
        model: Who predicts.
        model_version: The version that predicts, pinned when the batch was planned.
        state: Where it is.
        source: The file, an S3 URI.
        rows_in: Rows read; while it runs, by the chunks that are done.
        rows_out: Rows predicted.
        rows_rejected: Rows rejected.
        outputs: S3 URIs of the parts in the order of the input, once it has succeeded.
        rejects: S3 URI of the rejected rows; empty where there are none.
        manifest: S3 URI of the manifest, once it has succeeded.
        created: When the file was seen, ISO 8601, UTC.
        started: When it was planned.
        finished: When it was over.
        reason: Why it failed or was skipped; a sentence.
        stale_model: Whether the model is older than its spec allows.
        format: Of the file.
        output: Of the parts.
        chunks: How many there are.
        chunks_done: How many are predicted.
        chunks_failed: How many have failed.
        run: Number of the run, 1 for the first.
        origin: `drop`, `submit` or `schedule`.
        same_as: The batch that it was skipped for.
    """

    id: str
    model: str
    model_version: str
    state: BatchState
    source: str
    rows_in: int
    rows_out: int
    rows_rejected: int
    outputs: list[str]
    rejects: str
    manifest: str
    created: str
    started: str
    finished: str
    reason: str
    stale_model: bool
    format: str
    output: str
    chunks: int
    chunks_done: int
    chunks_failed: int
    run: int
    origin: str
    same_as: str


class BatchList(_View, frozen=True, kw_only=True):
    """A page of batches, newest first; `next` is what to ask for after it.

    In a list, a batch that runs has no counts and one that is over has no outputs.
    """

    batches: list[BatchView]
    next: str = ""


class Tally(_View, frozen=True, kw_only=True):
    """What some chunks came to, together."""

    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    done: int = 0
    failed: int = 0


def tally(results: Iterable[ChunkResult]) -> Tally:
    """Add up what chunks came to; rows are those of the chunks that are done."""
    rows_in = rows_out = rows_rejected = done = failed = 0
    for result in results:
        failed += result.state is ChunkState.FAILED
        if result.state is ChunkState.DONE:
            done += 1
            rows_in += result.rows_in
            rows_out += result.rows_out
            rows_rejected += result.rows_rejected
    return Tally(
        rows_in=rows_in, rows_out=rows_out, rows_rejected=rows_rejected, done=done, failed=failed
    )


def batch_view(batch: Batch, bucket: str, counted: Tally | None = None) -> BatchView:
    """A batch as it is told.

    Args:
        batch: The record.
        bucket: The exchange bucket, where its outputs are.
        counted: What its chunks came to so far; None to tell what the record says, and no
            outputs, as in a list.
    """
    whole = batch.state is BatchState.SUCCEEDED and counted is not None
    rows = _rows(batch, counted)
    return BatchView(
        id=batch.id,
        model=batch.model,
        model_version="" if batch.ref is None else batch.ref.version,
        state=batch.state,
        source=batch.source.uri,
        rows_in=rows.rows_in,
        rows_out=rows.rows_out,
        rows_rejected=rows.rows_rejected,
        outputs=outputs(batch, bucket) if whole else [],
        rejects=_rejects(batch, bucket, rows),
        manifest=f"s3://{bucket}/{outbox(batch)}{MANIFEST}" if whole else "",
        created=batch.created,
        started=batch.started,
        finished=batch.finished,
        reason=batch.reason,
        stale_model=batch.stale_model,
        format=batch.format or "",
        output=batch.output or "",
        chunks=batch.chunks,
        chunks_done=rows.done,
        chunks_failed=rows.failed,
        run=batch.run,
        origin=batch.origin,
        same_as=batch.same_as,
    )


def outputs(batch: Batch, bucket: str) -> list[str]:
    """S3 URIs of the parts, in the order of the input."""
    names = map(chunk_name, range(batch.chunks))
    return [f"s3://{bucket}/{part_key(batch, name)}" for name in names]


def _rows(batch: Batch, counted: Tally | None) -> Tally:
    """What the record says of a batch that is proven, else what its chunks came to so far."""
    if batch.state is not BatchState.SUCCEEDED and counted is not None:
        return counted
    return Tally(
        rows_in=batch.rows_in,
        rows_out=batch.rows_out,
        rows_rejected=batch.rows_rejected,
        done=batch.chunks if batch.state is BatchState.SUCCEEDED else 0,
    )


def _rejects(batch: Batch, bucket: str, rows: Tally) -> str:
    """Rejected rows are told apart by line once every chunk is done, and only then."""
    complete = batch.state.final and rows.done == batch.chunks
    merged = complete and rows.rows_rejected > 0
    return f"s3://{bucket}/{outbox(batch)}{REJECTS}" if merged else ""
