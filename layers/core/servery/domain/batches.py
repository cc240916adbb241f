"""The batch: one bulk request over a file, where its files are, and its bookkeeping."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from servery.domain.deployment import Server
from servery.domain.digest import digest_value
from servery.domain.manifest import ModelRef
from servery.domain.spec import Rerun
from servery.errors import ConflictError

INBOX, OUTBOX, SCRATCH = "inbox", "outbox", "batches"
SUCCESS = "_SUCCESS"
MANIFEST = "manifest.json"
REJECTS = "rejects.csv"
LAYOUT = "layout.json"
CHUNKS = "chunks.json"

Format = Literal["csv", "jsonl", "parquet"]


class BatchState(StrEnum):
    """Where a batch is; `skipped` is one that had nothing to do, `same_as` says why."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen, but for a rerun."""
        return self not in (BatchState.QUEUED, BatchState.RUNNING)


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Source(_Record, frozen=True, kw_only=True):
    """One version of one object, as it was when the batch began.

    Attributes:
        bucket: Where it is.
        key: Its key.
        version_id: Its version in a versioned bucket, else empty.
        etag: Its ETag, without quotes; every read asks for exactly this one.
        size: Its bytes.
    """

    bucket: str
    key: str
    version_id: str = ""
    etag: str
    size: int

    @property
    def uri(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


class BatchOptions(_Record, frozen=True, kw_only=True):
    """What the submitter may say; what is left out is as the model's spec says.

    Attributes:
        output: Format of the parts; `same` as the input.
        id_columns: Columns that are passed through, beside the spec's own id columns.
        max_rejected: Share of rows that may be rejected before the batch has failed, 0 to 1.
        rerun: What becomes of a file that was predicted before.
    """

    output: Literal["same", "csv", "jsonl", "parquet"] = "same"
    id_columns: list[str] = []
    max_rejected: float = 0.1
    rerun: Rerun = Rerun.FAILED


class Batch(_Record, frozen=True, kw_only=True):
    """One bulk request.

    Attributes:
        id: Unique; the same for the same version of the same object and the same model, so an
            event that comes twice starts one batch.
        model: Who is asked.
        state: Where it is.
        revision: Raised by one with every change; a stale writer loses.
        created: ISO 8601, UTC.
        expires: When the record may be forgotten, seconds since the epoch.
        source: The file.
        options: What the submitter said.
        origin: `drop`, `submit`, `schedule` or `rerun`.
        run: Number of the execution, 1 for the first; raised by a rerun.
        execution: Name of the execution that carries it out; empty until it was started.
        format: Of the file, once it was planned.
        output: Of the parts, once it was planned.
        ref: The model that predicts it, pinned when it was planned.
        server: Its server.
        stale_model: Whether that model was older than the spec allows.
        chunks: How many there are.
        rows_in: Rows read.
        rows_out: Rows predicted.
        rows_rejected: Rows rejected.
        started: When it was planned, ISO 8601.
        finished: ISO 8601.
        reason: Why it failed or was skipped; a sentence.
        same_as: The batch that has predicted this file already (skipped only).
    """

    id: str
    model: str
    state: BatchState
    revision: int = 1
    created: str
    expires: float
    source: Source
    options: BatchOptions = msgspec.field(default_factory=BatchOptions)
    origin: str = "drop"
    run: int = 1
    execution: str = ""
    format: Format | None = None
    output: Format | None = None
    ref: ModelRef | None = None
    server: Server | None = None
    stale_model: bool = False
    chunks: int = 0
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    started: str = ""
    finished: str = ""
    reason: str = ""
    same_as: str = ""


def batch_id(model: str, source: Source) -> str:
    """The id of the batch over a version of an object.

    An object without a version id is told from its successors by its ETag.
    """
    return digest_value([model, source.bucket, source.key, source.version_id or source.etag])[:24]


def order_of(batch: Batch) -> str:
    """Where a batch is in lists: they are in the reverse order of this text."""
    return f"{batch.created} {batch.id}"


def part_key(batch: Batch, name: str) -> str:
    """Where the part of a chunk is, once it is written."""
    return f"{outbox(batch)}part-{name}.{batch.output or 'csv'}"


def outbox(batch: Batch) -> str:
    """Prefix of everything that the submitter is to fetch."""
    return f"{OUTBOX}/{batch.model}/{batch.id}/"


def scratch(batch: Batch) -> str:
    """Prefix of what a batch needs while it runs."""
    return f"{SCRATCH}/{batch.id}/"


def change(batch: Batch, **changes: object) -> Batch:
    """The next revision of a batch.

    Raises:
        ConflictError: it is over; only `run_again` leads on from there.
    """
    if batch.state.final:
        raise ConflictError(f"the batch is {batch.state} already")
    return msgspec.structs.replace(batch, revision=batch.revision + 1, **changes)


def run_again(batch: Batch) -> Batch:
    """A batch that has failed, ready for another run over the chunks that are not done.

    Raises:
        ConflictError: it is not over.
    """
    if not batch.state.final:
        raise ConflictError(f"the batch is {batch.state}")
    return msgspec.structs.replace(
        batch,
        revision=batch.revision + 1,
        state=BatchState.QUEUED,
        run=batch.run + 1,
        execution="",
        finished="",
        reason="",
    )
