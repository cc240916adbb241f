"""A desk for plans: a released model, files to drop, and chunks carried out as servers do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from fakes.artifacts import a_manifest
from fakes.batches import MemoryBatchStore, MemoryFiles
from fakes.clock import SetClock
from fakes.object_store import MemoryObjectStore
from fakes.records import a_deployment, a_model, a_ref, a_server, a_version
from fakes.registry import MemoryRegistry
from fakes.signatures import FLOWERS
from servery.adapters.chunk_rows import RowReader, RowWriter
from servery.adapters.gzip_stream import inflate
from servery.adapters.parquet_part import pack_part
from servery.adapters.parquet_row_groups import ParquetRowGroups
from servery.domain.batches import (
    Batch,
    BatchOptions,
    BatchState,
    Chunk,
    ChunkResult,
    ChunkState,
    Layout,
    Source,
    batch_id,
    run_again,
)
from servery.domain.deployment import Served
from servery.domain.digest import digest_bytes
from servery.domain.inference import Prediction
from servery.domain.manifest import Lineage, ModelRef
from servery.domain.signature import Signature, Task
from servery.ports import BatchStore, Inflate, ObjectStore, Registry
from servery.usecases.batch.cutting import Sizes
from servery.usecases.batch.messages import PackEvent, PlanEvent, Planned, UnpackEvent
from servery.usecases.batch.pack import pack
from servery.usecases.batch.plan import PlanPorts, plan
from servery.usecases.batch.unpack import unpack

VERSIONS = ("0.1.0-dabc1234.sdef5678", "0.1.1-dabc1234.sdef5678", "0.1.2-dabc1234.sdef5678")
CSV_HEADER = ",".join(field.name for field in FLOWERS.inputs)
CSV_ROW = "5.1,3.5,1.4,0.2"


def csv_of(rows: int, header: str = CSV_HEADER, row: str = CSV_ROW) -> bytes:
    """A CSV file of the same row again and again."""
    return "".join(f"{line}\n" for line in [header, *[row] * rows]).encode()


@dataclass
class PlanningDesk:
    """What Plan, Unpack and Pack work with, in memory.

    Attributes:
        signature: Of the released model.
        roles: Role to the columns of the spec that have it, beside the features.
        sizes: How files are cut.
    """

    signature: Signature = FLOWERS
    roles: dict[str, list[str]] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=Sizes)
    figures: dict[str, Any] = field(default_factory=dict)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    store: BatchStore = field(default_factory=MemoryBatchStore)
    inflate: Inflate = inflate
    clock: SetClock = field(default_factory=SetClock)
    registry: Registry = field(default_factory=MemoryRegistry)
    objects: ObjectStore = field(default_factory=MemoryObjectStore)

    def __post_init__(self) -> None:
        self.release(VERSIONS[0])

    @property
    def ports(self) -> PlanPorts:
        return PlanPorts(
            store=self.store,
            files=self.files,
            registry=self.registry,
            objects=self.objects,
            clock=self.clock,
            bucket=self.files.bucket,
            inflate=self.inflate,
            row_groups=lambda: ParquetRowGroups(self.files),
        )

    def release(self, version: str) -> ModelRef:
        """Make a version the champion; the one before becomes the last good one."""
        prefix = f"models/iris/{version}/tr0"
        columns = [{"name": f.name, "dtype": f.dtype} for f in self.signature.inputs]
        columns += [
            {"name": name, "dtype": "string", "role": role}
            for role, names in self.roles.items()
            for name in names
        ]
        kept = a_manifest(version, "tr0", {})
        lineage = msgspec.structs.replace(kept.lineage, spec={"data": {"columns": columns}})
        assert isinstance(lineage, Lineage)
        manifest = msgspec.json.encode(
            msgspec.structs.replace(
                kept, signature=self.signature, figures=self.figures, lineage=lineage
            )
        )
        self.objects.put(f"{prefix}/manifest.json", manifest)
        ref = a_ref(version, prefix=prefix, manifest_digest=digest_bytes(manifest))
        self.registry.put_model(a_model())
        self.registry.add_version(a_version(version))
        number = VERSIONS.index(version) + 1
        served = Served(ref=ref, server=a_server(number))
        before = self.registry.deployment("iris").champion if number > 1 else None
        self.registry.put_deployment(
            a_deployment(revision=number, champion=served, last_good=before)
        )
        return ref

    def batch(self, name: str, content: bytes, **options: Any) -> Batch:
        """Drop a file, and the batch over it, queued."""
        return self.batch_of(self.files.drop(f"inbox/iris/{name}", content), **options)

    def batch_of(self, source: Source, **options: Any) -> Batch:
        """The batch over a file, queued."""
        now = self.clock.now()
        return self.store.add(
            Batch(
                id=batch_id("iris", source),
                model="iris",
                state=BatchState.QUEUED,
                created=now.isoformat(),
                expires=now.timestamp() + 1000,
                source=source,
                options=BatchOptions(**options),
            )
        )

    def plan(self, batch: Batch, *, exact: bool = False) -> Planned:
        """Plan the present run of a batch."""
        run = self.store.get(batch.id).run
        return plan(PlanEvent(batch=batch.id, run=run, exact=exact), self.ports, self.sizes)

    def again(self, batch: Batch, *, whole: bool = False) -> Batch:
        """What a rerun does, of the failed chunks or of all, once the batch has failed."""
        batch = self.store.get(batch.id)
        over = msgspec.structs.replace(
            batch, state=BatchState.FAILED, revision=batch.revision + 1, reason="failed"
        )
        self.store.put(over)
        again = run_again(over)
        if whole:
            again = msgspec.structs.replace(again, ref=None, server=None, chunks=0)
        self.store.put(again)
        return again

    def chunks(self, planned: Planned) -> list[Chunk]:
        """What the map hands out."""
        return msgspec.json.decode(self.files.load(planned.chunks.key), type=list[Chunk])

    def layout(self, planned: Planned) -> Layout:
        """What the chunks have in common."""
        return msgspec.json.decode(self.files.load(planned.layout), type=Layout)

    def content(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk."""
        source = Source(
            bucket=chunk.bucket,
            key=chunk.key,
            version_id=chunk.version_id,
            etag=chunk.etag or self.files.stat(chunk.bucket, chunk.key).etag,
            size=chunk.end,
        )
        return self.files.read(source, chunk.start, chunk.end)

    def rows(self, planned: Planned) -> bytes:
        """The bytes of all chunks."""
        return b"".join(self.content(chunk) for chunk in self.chunks(planned))

    def keep(self, batch: Batch, name: str, state: ChunkState = ChunkState.DONE) -> None:
        """Keep a result, as the state machine does."""
        self.store.keep_result(batch.id, ChunkResult(name=name, state=state))

    def carry_out(self, planned: Planned) -> list[ChunkResult]:
        """Unpack, predict and pack every chunk, as the state machine has it done."""
        return [self._carried_out(planned, chunk) for chunk in self.chunks(planned)]

    def _carried_out(self, planned: Planned, chunk: Chunk) -> ChunkResult:
        if planned.unpack:
            event = UnpackEvent(batch=planned.batch, layout=planned.layout, chunk=chunk)
            chunk = unpack(event, files=self.files, row_groups=ParquetRowGroups(self.files))
        result = self._predicted(self.layout(planned), chunk)
        if planned.pack:
            told = PackEvent(batch=planned.batch, layout=planned.layout, chunk=chunk, result=result)
            result = pack(told, files=self.files, packer=pack_part)
        return result

    def _predicted(self, layout: Layout, chunk: Chunk) -> ChunkResult:
        """What a model server does; its model answers the first class, or a half."""
        rows = RowReader(self.signature, layout).read(self.content(chunk))
        if not rows.aligned:
            return ChunkResult(name=chunk.name, state=ChunkState.MISALIGNED)
        if self.signature.task is Task.REGRESSION:
            answers = Prediction(np.full(rows.good, 0.5, np.float32), None)
        else:
            classes = self.signature.output.classes or []
            chosen = np.full(rows.good, classes[0])
            scores = np.tile(np.linspace(0, 1, len(classes), dtype=np.float32), (rows.good, 1))
            answers = Prediction(chosen, scores if self.signature.output.probabilities else None)
        part = RowWriter(self.signature, layout).write(rows, answers)
        self.files.put(f"{layout.parts}{chunk.name}.{layout.output}", part)
        return ChunkResult(
            name=chunk.name,
            state=ChunkState.DONE,
            rows_in=rows.rows_in,
            rows_out=rows.good,
            rows_rejected=len(rows.rejected),
            lines=rows.lines,
            bytes=len(part),
            digest=digest_bytes(part),
        )
