"""Start: a file was dropped; make the batch over it and hand it to the state machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import INBOX, Batch, BatchOptions, BatchState, Source, batch_id
from servery.domain.names import MODEL_NAME
from servery.errors import NotFoundError, RejectedError
from servery.usecases.batch.admitting import Admission, admit
from servery.usecases.batch.launching import launch
from servery.usecases.batch.options import options_of, origin_of, rules_of

if TYPE_CHECKING:
    from servery.ports import BatchEvents, BatchQueue, BatchStore, Clock, Files, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPorts:
    """What starting works with."""

    store: BatchStore
    files: Files
    registry: Registry
    queue: BatchQueue
    events: BatchEvents
    clock: Clock


class DroppedObject(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The object in an event of S3; its key is not percent-encoded there."""

    key: str
    size: int
    etag: str
    version_id: str = ""


class DroppedBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The bucket in an event of S3."""

    name: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an event of S3 that says what was dropped."""

    bucket: DroppedBucket
    object: DroppedObject


class ObjectCreated(msgspec.Struct, frozen=True, kw_only=True):
    """An event `Object Created` of S3, as EventBridge hands it over."""

    id: str = ""
    detail: Detail


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file; without a batch, the reason says why it is none."""

    batch: str = ""
    model: str = ""
    state: str = ""
    reason: str = ""


def start(event: ObjectCreated, ports: StartPorts) -> Started:
    """Make a batch of a file that was dropped, and start it.

    The same event twice, or two at once, make one batch and one execution. Whatever is wrong
    with the model or the options is told by a batch that has failed.

    Raises:
        RetryableError: something is not there at the moment; the same event may be given again.
    """
    dropped = event.detail.object
    model, _, name = dropped.key.removeprefix(f"{INBOX}/").partition("/")
    if not name or name.endswith("/") or not dropped.key.startswith(f"{INBOX}/"):
        return Started(reason="it is not in the folder of a model")
    if not re.fullmatch(MODEL_NAME, model):
        return Started(reason="no model can have the name of its folder")
    source = _source(event.detail, ports.files)
    batch = _known(batch_id(model, source), ports.store) or _batch(model, source, ports)
    if batch.state.final and not batch.execution:
        _settle(batch, ports)
    else:
        batch = launch(batch, store=ports.store, queue=ports.queue)
    return Started(batch=batch.id, model=model, state=batch.state, reason=batch.reason)


def _source(detail: Detail, files: Files) -> Source:
    """The version of the object that the event is about.

    What was there before its bucket kept versions has the version `null`, which is none.
    Where the event does not name a version, it is the present one, if it has that content still;
    else whoever reads it will say that it was replaced.
    """
    version = detail.object.version_id
    source = Source(
        bucket=detail.bucket.name,
        key=detail.object.key,
        version_id="" if version == "null" else version,
        etag=detail.object.etag.strip('"'),
        size=detail.object.size,
    )
    if source.version_id:
        return source
    try:
        present = files.stat(source.bucket, source.key)
    except NotFoundError:
        return source
    return present if present.etag == source.etag else source


def _known(identifier: str, store: BatchStore) -> Batch | None:
    try:
        return store.get(identifier)
    except NotFoundError:
        return None


def _batch(model: str, source: Source, ports: StartPorts) -> Batch:
    """A new batch, recorded."""
    options, origin, reason = BatchOptions(), "drop", ""
    try:
        metadata = ports.files.metadata(source)
        origin = origin_of(metadata)
        options = options_of(metadata, rules_of(ports.registry.model(model)))
    except RejectedError as error:
        reason = error.message
    return admit(
        Admission(model=model, source=source, options=options, origin=origin, refusal=reason),
        store=ports.store,
        clock=ports.clock,
    )


def _settle(batch: Batch, ports: StartPorts) -> None:
    """Tell of a batch that was over from the start, and start the one it left its work to."""
    if batch.state is BatchState.SKIPPED:
        earlier = _known(batch.same_as, ports.store)
        if earlier is not None:
            launch(earlier, store=ports.store, queue=ports.queue)
    ports.events.publish(batch)
