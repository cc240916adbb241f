"""Everything that batches need, in memory: files are dropped, and the real state machine runs.

Plan and model server are as simple as can be: lines are rows, a row is predicted by its length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.batches import MemoryBatchEvents, MemoryBatchQueue, MemoryBatchStore, MemoryFiles
from fakes.clock import SetClock
from fakes.execution import Execution
from fakes.records import a_deployment, a_model
from fakes.registry import MemoryRegistry
from fakes.template import ROOT
from servery.domain.batches import Batch, BatchState, Source, change, outbox, scratch
from servery.domain.chunks import Chunk, ChunkResult, ChunkState, Layout, chunk_name
from servery.domain.digest import digest_bytes
from servery.errors import FaultError, RejectedError, RetryableError
from servery.usecases.batch.fail import FailEvent, fail
from servery.usecases.batch.finish import FinishEvent, FinishPorts, finish
from servery.usecases.batch.start import ObjectCreated, Started, StartPorts, start

MACHINE = ROOT / "state_machines/batch_prediction.asl.yaml"
BUCKET = "exchange"
HEADER = b"x\n"
ROWS_A_CHUNK = 2
_BRANCHES = (RejectedError, RetryableError, FaultError)


def created(source: Source, **changes: Any) -> ObjectCreated:
    """The event of S3 that says so."""
    version = {"version-id": source.version_id} if source.version_id else {}
    object_ = {"key": source.key, "size": source.size, "etag": source.etag, **version}
    detail = {"bucket": {"name": source.bucket}, "object": object_ | changes}
    return msgspec.convert({"id": "e-1", "source": "aws.s3", "detail": detail}, ObjectCreated)


@dataclass
class Plant:
    """One stack with the model `iris`.

    Attributes:
        crashes: Name of a chunk to errors that its next tries raise.
        misaligned: Names of chunks that are misaligned until the plan is exact.
        asked: Names of the chunks that the model server was asked for, in order.
    """

    store: MemoryBatchStore = field(default_factory=MemoryBatchStore)
    files: MemoryFiles = field(default_factory=lambda: MemoryFiles(BUCKET))
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    queue: MemoryBatchQueue = field(default_factory=MemoryBatchQueue)
    events: MemoryBatchEvents = field(default_factory=MemoryBatchEvents)
    clock: SetClock = field(default_factory=SetClock)
    crashes: dict[str, list[Exception]] = field(default_factory=dict)
    misaligned: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry.put_model(a_model())
        self.registry.put_deployment(a_deployment())

    @property
    def start_ports(self) -> StartPorts:
        return StartPorts(
            store=self.store,
            files=self.files,
            registry=self.registry,
            queue=self.queue,
            events=self.events,
            clock=self.clock,
        )

    @property
    def finish_ports(self) -> FinishPorts:
        return FinishPorts(
            store=self.store,
            files=self.files,
            events=self.events,
            clock=self.clock,
            bucket=BUCKET,
        )

    def drop(
        self, rows: int | bytes = 5, *, name: str = "rows.csv", model: str = "iris", **said: str
    ) -> Source:
        """Put a file into the inbox; with a number, one of so many rows."""
        content = (
            rows
            if isinstance(rows, bytes)
            else HEADER + b"".join(b"%d\n" % number for number in range(rows))
        )
        metadata = {f"servery-{key.replace('_', '-')}": value for key, value in said.items()}
        return self.files.drop(f"inbox/{model}/{name}", content, metadata)

    def start(self, source: Source, **changes: Any) -> Started:
        """What the event over a file does; a second passes."""
        self.clock.advance(1)
        return start(created(source, **changes), self.start_ports)

    def dropped(self, rows: int | bytes = 5, **said: str) -> Batch:
        """A batch over a new file, started."""
        return self.store.get(self.start(self.drop(rows, **said)).batch)

    def run(self, batch: Batch, **changes: Callable[[Any], Any]) -> Execution:
        """Run the state machine over a batch, as its execution would.

        Args:
            batch: Which batch.
            changes: What does a step in place of what usually does.
        """
        steps: dict[str, Callable[[Any], Any]] = {
            "plan": self.plan,
            "finish": lambda event: finish(_of(event, FinishEvent), self.finish_ports),
            "fail": self._fail,
        }
        resources = {
            f"${{Batch{name.capitalize()}FunctionArn}}": _step(run)
            for name, run in (steps | changes).items()
        }
        execution = Execution.of(
            MACHINE,
            {
                **resources,
                "arn:aws:states:::s3:getObject": self._items,
                "arn:aws:states:::lambda:invoke": _step(self._invoke),
                "arn:aws:states:::dynamodb:putItem": self._keep,
            },
        )
        return execution.run({"batch": batch.id, "run": self.store.get(batch.id).run})

    def plan(self, event: dict[str, Any]) -> dict[str, Any]:
        """Cut the file into pieces of two lines, or hand out those that are not done."""
        batch = self.store.get(event["batch"])
        content = self.files.stream(batch.source).read()
        lines = content.splitlines(keepends=True)
        if not lines:
            raise RejectedError("the file is empty")
        pieces = [lines[at : at + ROWS_A_CHUNK] for at in range(1, len(lines), ROWS_A_CHUNK)]
        pieces = pieces or [[]]
        exact = bool(event.get("exact"))
        if exact:
            self.store.forget_results(batch.id, [r.name for r in self.store.results(batch.id)])
        done = {r.name for r in self.store.results(batch.id) if r.state is ChunkState.DONE}
        chunks, at = [], len(lines[0])
        for number, piece in enumerate(pieces):
            size = sum(map(len, piece))
            chunk = Chunk(
                name=chunk_name(number),
                bucket=batch.source.bucket,
                key=batch.source.key,
                version_id=batch.source.version_id,
                etag=batch.source.etag,
                start=at,
                end=at + size,
            )
            chunks += [] if chunk.name in done else [chunk]
            at += size
        return self._planned(batch, len(pieces), chunks, exact)

    def _planned(
        self, batch: Batch, count: int, chunks: list[Chunk], exact: bool
    ) -> dict[str, Any]:
        served = self.registry.deployment(batch.model).champion
        if batch.state is not BatchState.RUNNING:
            batch = change(
                batch,
                state=BatchState.RUNNING,
                started=self.clock.now().isoformat(timespec="microseconds"),
                format="csv",
                output="csv",
                ref=served.ref,
                server=served.server,
                chunks=count,
            )
            self.store.put(batch)
        layout = Layout(
            batch=batch.id,
            format="csv",
            header=["x"],
            output="csv",
            bucket=BUCKET,
            parts=f"{outbox(batch)}part-",
            rejects=f"{scratch(batch)}rejects/",
            exact=exact,
        )
        key = f"{scratch(batch)}chunks-{batch.run}.json"
        self.files.put(f"{scratch(batch)}layout.json", msgspec.json.encode(layout))
        self.files.put(key, msgspec.json.encode(chunks))
        return {
            "batch": batch.id,
            "run": batch.run,
            "ref": msgspec.to_builtins(served.ref),
            "server": served.server.function,
            "unpack": False,
            "pack": False,
            "layout": f"{scratch(batch)}layout.json",
            "chunks": {"bucket": BUCKET, "key": key},
            "count": len(chunks),
            "expires_at": str(int(batch.expires)),
        }

    def _items(self, given: dict[str, Any]) -> Any:
        assert given["Bucket"] == BUCKET
        return msgspec.json.decode(self.files.load(given["Key"]))

    def _invoke(self, given: dict[str, Any]) -> Any:
        assert given["FunctionName"] == "predictor:1"
        payload = given["Payload"]
        chunk = _of(payload["chunk"], Chunk)
        layout = msgspec.json.decode(self.files.load(payload["layout"]), type=Layout)
        self.asked.append(chunk.name)
        if self.crashes.get(chunk.name):
            raise self.crashes[chunk.name].pop(0)
        if chunk.name in self.misaligned and not layout.exact:
            return ChunkResult(name=chunk.name, state=ChunkState.MISALIGNED)
        return self._predict(chunk, layout, payload["retries"])

    def _predict(self, chunk: Chunk, layout: Layout, retries: int) -> ChunkResult:
        source = Source(
            bucket=chunk.bucket,
            key=chunk.key,
            version_id=chunk.version_id,
            etag=chunk.etag,
            size=chunk.end,
        )
        rows = self.files.read(source, chunk.start, chunk.end).splitlines()
        good = [row for row in rows if not row.startswith(b"bad")]
        part = b"prediction\n" + b"".join(b"%d\n" % len(row) for row in good)
        self.files.put(f"{layout.parts}{chunk.name}.csv", part)
        rejected = [
            {"line": number, "column": "x", "reason": "wrong_type"}
            for number, row in enumerate(rows, start=1)
            if row not in good
        ]
        if rejected:
            lines = b"".join(msgspec.json.encode(each) + b"\n" for each in rejected)
            self.files.put(f"{layout.rejects}{chunk.name}.jsonl", lines)
        return ChunkResult(
            name=chunk.name,
            state=ChunkState.DONE,
            rows_in=len(rows),
            rows_out=len(good),
            rows_rejected=len(rejected),
            lines=len(rows),
            bytes=len(part),
            digest=digest_bytes(part),
            retries=retries,
        )

    def _keep(self, given: dict[str, Any]) -> Any:
        item = given["Item"]
        assert all(isinstance(v, str) for typed in item.values() for v in typed.values())
        result = msgspec.json.decode(item["doc"]["S"], type=ChunkResult)
        assert item["sk"]["S"] == f"chunk#{result.name}"
        self.store.keep_result(item["pk"]["S"].removeprefix("batch#"), result)
        return {"SdkHttpMetadata": {"HttpStatusCode": 200}}

    def _fail(self, event: dict[str, Any]) -> Any:
        return fail(_of(event, FailEvent), store=self.store, events=self.events, clock=self.clock)


def _step(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Events and results as JSON, and leaves of the error tree as their branch, as in Lambda."""

    def step(event: Any) -> Any:
        try:
            return msgspec.to_builtins(run(event))
        except _BRANCHES as error:
            branch = next(b for b in _BRANCHES if isinstance(error, b))
            raise branch(str(error)) from error

    return step


def _of(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, kind)
