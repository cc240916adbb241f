"""Finish: prove that no row is missing, write what belongs to the outputs, close the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from servery.domain.batches import (
    LAYOUT,
    MANIFEST,
    REJECTS,
    SUCCESS,
    Batch,
    BatchState,
    change,
    outbox,
    part_key,
    scratch,
)
from servery.domain.chunks import ChunkResult, ChunkState, Layout
from servery.errors import ConflictError, UnavailableError
from servery.usecases.batch.proof import why_not_whole
from servery.usecases.batch.rejects import merged
from servery.usecases.batch.views import BatchView, Tally, batch_view, tally

if TYPE_CHECKING:
    from servery.ports import BatchEvents, BatchStore, Clock, Files


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishPorts:
    """What finishing works with; `bucket` is the exchange bucket."""

    store: BatchStore
    files: Files
    events: BatchEvents
    clock: Clock
    bucket: str


class FinishEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Which batch, and which run of it."""

    batch: str
    run: int


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """How the run came out; `misaligned` wants the plan again, with exact boundaries."""

    batch: str
    run: int
    state: Literal["succeeded", "failed", "misaligned"]
    exact: bool = False
    reason: str = ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part in the manifest."""

    uri: str
    rows: int
    bytes: int
    sha256: str
    rejected: int = 0
    retries: int = 0


class BatchManifest(BatchView, frozen=True, kw_only=True):
    """`manifest.json`: the batch as it is told, its parts, and who exactly predicted them."""

    model_digest: str
    parts: list[Part]


def finish(event: FinishEvent, ports: FinishPorts) -> Finished:
    """Close a batch: succeeded, with everything written before `_SUCCESS`, or failed.

    Done again, it changes nothing: a batch that is over is told of once more and no more.

    Raises:
        UnavailableError: somebody else changes the batch at this moment; try again.
    """
    batch = ports.store.get(event.batch)
    if batch.state.final or batch.run != event.run:
        if batch.run == event.run:
            ports.events.publish(batch)
        return _finished(event, batch)
    results = list(ports.store.results(batch.id))
    if any(r.state is ChunkState.MISALIGNED for r in results) and not _exact(batch, ports.files):
        return Finished(batch=batch.id, run=batch.run, state="misaligned", exact=True)
    total = tally(results)
    reason = why_not_whole(batch, results, total)
    closed = change(
        batch,
        state=BatchState.FAILED if reason else BatchState.SUCCEEDED,
        reason=reason,
        rows_in=total.rows_in,
        rows_out=total.rows_out,
        rows_rejected=total.rows_rejected,
        finished=ports.clock.now().isoformat(timespec="microseconds"),
    )
    _write(closed, results, total, ports)
    try:
        ports.store.put(closed)
    except ConflictError as error:
        raise UnavailableError(str(error)) from error
    ports.events.publish(closed)
    return _finished(event, closed)


def _write(batch: Batch, results: Sequence[ChunkResult], total: Tally, ports: FinishPorts) -> None:
    """Rejected rows of a batch whose chunks are all done; manifest and mark of a good one."""
    files, where = ports.files, outbox(batch)
    if total.rows_rejected and total.done == batch.chunks == len(results):
        files.put_all(f"{where}{REJECTS}", merged(batch, results, files))
    if batch.state is BatchState.SUCCEEDED:
        manifest = _manifest(batch, results, total, ports.bucket)
        files.put(f"{where}{MANIFEST}", msgspec.json.encode(manifest))
        files.put(f"{where}{SUCCESS}", b"")


def _manifest(
    batch: Batch, results: Sequence[ChunkResult], total: Tally, bucket: str
) -> BatchManifest:
    view = msgspec.structs.asdict(batch_view(batch, bucket, total))
    digest = "" if batch.ref is None else batch.ref.digest
    return BatchManifest(**view, model_digest=digest, parts=_parts(batch, results, bucket))


def _parts(batch: Batch, results: Sequence[ChunkResult], bucket: str) -> list[Part]:
    return [
        Part(
            uri=f"s3://{bucket}/{part_key(batch, result.name)}",
            rows=result.rows_out,
            bytes=result.bytes,
            sha256=result.digest,
            rejected=result.rows_rejected,
            retries=result.retries,
        )
        for result in results
    ]


def _exact(batch: Batch, files: Files) -> bool:
    """Whether the boundaries were found by reading everything, so nothing can be misaligned."""
    return msgspec.json.decode(files.load(f"{scratch(batch)}{LAYOUT}"), type=Layout).exact


def _finished(event: FinishEvent, batch: Batch) -> Finished:
    good = batch.state is BatchState.SUCCEEDED
    return Finished(
        batch=event.batch,
        run=event.run,
        state="succeeded" if good else "failed",
        reason=batch.reason,
    )
