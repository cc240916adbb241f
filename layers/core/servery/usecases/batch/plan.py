"""Plan: pin the model, check the file, cut it into chunks; neither holds more than a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import CHUNKS, LAYOUT, Batch, BatchState, change, scratch
from servery.domain.chunks import Chunk, ChunkState, Layout
from servery.domain.packing import PACKING
from servery.errors import ConflictError, UnavailableError
from servery.usecases.batch.clearing import clear
from servery.usecases.batch.cutting import Sizes
from servery.usecases.batch.desk import Cut, Desk
from servery.usecases.batch.formats import FileFormat, check_packed, format_of
from servery.usecases.batch.messages import ChunkList, PlanEvent, Planned
from servery.usecases.batch.pinning import Pinned, pin
from servery.usecases.batch.plan_parquet import cut_parquet
from servery.usecases.batch.plan_text import cut_gzip, cut_text, read_head

if TYPE_CHECKING:
    from servery.ports import BatchStore, Clock, Files, Inflate, ObjectStore, Registry, RowGroups


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPorts:
    """What planning works with.

    Attributes:
        store: Batches.
        files: Files, and the exchange bucket.
        registry: Who answers for a model.
        objects: Artifacts.
        clock: The time.
        bucket: Name of the exchange bucket.
        inflate: Inflates gzip.
        row_groups: Gives what reads Parquet; only asked when a file is Parquet.
    """

    store: BatchStore
    files: Files
    registry: Registry
    objects: ObjectStore
    clock: Clock
    bucket: str
    inflate: Inflate
    row_groups: Callable[[], RowGroups]


def plan(event: PlanEvent, ports: PlanPorts, sizes: Sizes | None = None) -> Planned:
    """Make the chunks of a batch, or find those that a run which is resumed has left.

    Done again, after a crash at any line too, it comes to the same. Asked for exact boundaries,
    it forgets what the chunks of the earlier cut came to.

    Args:
        event: Which batch and run.
        ports: What it works with.
        sizes: How files are cut.

    Raises:
        RejectedError: the file or the batch cannot be predicted; the sentence says why.
        RetryableError: something is not there at the moment; try again.
    """
    batch = ports.store.get(event.batch)
    if batch.run != event.run or batch.state.final:
        raise ConflictError(f"run {event.run} of the batch is over, or another one has begun")
    pinned = pin(batch, registry=ports.registry, objects=ports.objects, clock=ports.clock)
    left = _left(batch, ports) if batch.chunks and not event.exact else None
    if left is not None:
        return _resumed(batch, left, pinned, ports)
    found = format_of(batch.source.key)
    output = found.format if batch.options.output == "same" else batch.options.output
    planned = msgspec.structs.replace(batch, format=found.format, output=output)
    exact = event.exact or _known_exact(batch, ports.files)
    desk = Desk(planned, pinned, ports.files, ports.bucket, sizes or Sizes())
    clear(batch, store=ports.store, files=ports.files)
    cut = _cut(desk, found, ports, exact=exact)
    _keep(batch, cut, ports.files)
    planned = _running(batch, planned, pinned, len(cut.chunks), ports)
    return _planned(planned, CHUNKS, len(cut.chunks), ports.bucket)


def _cut(desk: Desk, found: FileFormat, ports: PlanPorts, *, exact: bool) -> Cut:
    """The chunks of the file.

    Raises:
        InvalidInputError: it is empty, or not of its format, or its columns do not fit.
        ConflictError: it is no longer there as it was.
    """
    head = read_head(desk)
    check_packed(head, found)
    if found.format == "parquet":
        return cut_parquet(desk, ports.row_groups())
    if found.gzipped:
        return cut_gzip(desk, found.format, ports.inflate)
    return cut_text(desk, head, found.format, exact=exact)


def _known_exact(batch: Batch, files: Files) -> bool:
    """Whether the file was cut exactly before; where windows led astray, they would again.

    Servers that still know the earlier layout would not notice, either.
    """
    key = f"{scratch(batch)}{LAYOUT}"
    return files.exists(key) and msgspec.json.decode(files.load(key), type=Layout).exact


def _left(batch: Batch, ports: PlanPorts) -> list[Chunk] | None:
    """The chunks that are not done, out of those that were cut when the batch began.

    None where they cannot be run: an exact plan was about to replace them and broke off, or
    what was written for them is removed, as it is after some weeks. Pieces are staged in their
    order, so where one is there, so are those behind it.
    """
    where, files = scratch(batch), ports.files
    if not (files.exists(f"{where}{CHUNKS}") and files.exists(f"{where}{LAYOUT}")):
        return None
    chunks = msgspec.json.decode(files.load(f"{where}{CHUNKS}"), type=list[Chunk])
    states = {result.name: result.state for result in ports.store.results(batch.id)}
    left = [chunk for chunk in chunks if states.get(chunk.name) is not ChunkState.DONE]
    staged = [chunk.key for chunk in left[:1] if chunk.key.startswith(where)]
    return left if all(map(files.exists, staged)) else None


def _resumed(batch: Batch, left: list[Chunk], pinned: Pinned, ports: PlanPorts) -> Planned:
    """The plan of a run over the chunks that are left."""
    name = f"chunks-{batch.run}.json"
    ports.files.put(f"{scratch(batch)}{name}", msgspec.json.encode(left))
    results = ports.store.results(batch.id)
    again = [result.name for result in results if result.state is not ChunkState.DONE]
    ports.store.forget_results(batch.id, again)
    running = _running(batch, batch, pinned, batch.chunks, ports)
    return _planned(running, name, len(left), ports.bucket)


def _keep(batch: Batch, cut: Cut, files: Files) -> None:
    where = scratch(batch)
    files.put(f"{where}{LAYOUT}", msgspec.json.encode(cut.layout))
    if cut.packing is not None:
        files.put(f"{where}{PACKING}", msgspec.json.encode(cut.packing))
    files.put(f"{where}{CHUNKS}", msgspec.json.encode(cut.chunks))


def _running(stored: Batch, planned: Batch, pinned: Pinned, chunks: int, ports: PlanPorts) -> Batch:
    """The batch as it runs, recorded unless it is so already."""
    begins = stored.state is BatchState.QUEUED
    running = change(
        stored,
        state=BatchState.RUNNING,
        started=ports.clock.now().isoformat() if begins else stored.started,
        format=planned.format,
        output=planned.output,
        ref=pinned.served.ref,
        server=pinned.served.server,
        stale_model=pinned.stale,
        chunks=chunks,
    )
    if msgspec.structs.replace(running, revision=stored.revision) == stored:
        return stored
    try:
        ports.store.put(running)
    except ConflictError as error:
        raise UnavailableError(str(error)) from error
    return running


def _planned(batch: Batch, name: str, count: int, bucket: str) -> Planned:
    if batch.ref is None or batch.server is None:
        raise ConflictError("the batch has no model")
    return Planned(
        batch=batch.id,
        run=batch.run,
        ref=batch.ref,
        server=batch.server.function,
        unpack=batch.format == "parquet",
        pack=batch.output == "parquet",
        layout=f"{scratch(batch)}{LAYOUT}",
        chunks=ChunkList(bucket=bucket, key=f"{scratch(batch)}{name}"),
        count=count,
        expires_at=str(int(batch.expires)),
    )
