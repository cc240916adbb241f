"""The plant with everything real but the cloud: plan, Parquet, a model server and a small model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.batch_plant import BUCKET, Plant
from fakes.batches import MemoryFiles
from fakes.execution import Execution
from fakes.object_store import MemoryObjectStore
from fakes.records import a_deployment, a_model, a_server, a_version
from fakes.tiny_models import MemoryArtifacts, add_model
from fakes.touchy_models import TouchyShelf
from servery.adapters.chunk_rows import RowReader, RowWriter
from servery.adapters.gzip_stream import inflate
from servery.adapters.parquet_part import pack_part
from servery.adapters.parquet_row_groups import ParquetRowGroups
from servery.domain.batches import Chunk, Source
from servery.domain.deployment import Served
from servery.edge.predictor import ModelServer
from servery.usecases.batch.cutting import Sizes
from servery.usecases.batch.messages import PackEvent, PlanEvent, UnpackEvent
from servery.usecases.batch.pack import pack
from servery.usecases.batch.plan import PlanPorts, plan
from servery.usecases.batch.unpack import unpack
from servery.usecases.predictor.chunk import ChunkPredictor

VERSION = "1.0.0-1.1"


@dataclass
class _ChunkFiles:
    """`ChunkFiles` over the same memory."""

    files: MemoryFiles

    def load(self, key: str) -> bytes:
        return self.files.load(key)

    def read(self, chunk: Chunk) -> bytes:
        etag = chunk.etag or self.files.stat(chunk.bucket, chunk.key).etag
        source = Source(
            bucket=chunk.bucket,
            key=chunk.key,
            version_id=chunk.version_id,
            etag=etag,
            size=chunk.end,
        )
        return self.files.read(source, chunk.start, chunk.end)

    def write(self, bucket: str, key: str, content: bytes) -> None:
        assert bucket == BUCKET
        self.files.put(key, content)


@dataclass
class Works(Plant):
    """One stack with the model `shapes`: width, kind and height to one of two classes.

    Attributes:
        sizes: How files are cut.
        executions: Those of the state machine, in order.
    """

    executions: list[Execution] = field(default_factory=list)
    sizes: Sizes = field(default_factory=lambda: Sizes(target=200, window=64))
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)

    def __post_init__(self) -> None:
        super().__post_init__()
        artifacts = MemoryArtifacts()
        add_model(artifacts)
        touchy = TouchyShelf()
        for key, content in artifacts.files.items():
            self.objects.put(key, content)
        self.registry.put_model(a_model("shapes"))
        self.registry.add_version(a_version(VERSION, model="shapes"))
        served = Served(ref=touchy.ref, server=a_server())
        self.registry.put_deployment(a_deployment(model="shapes", champion=served))
        chunks = ChunkPredictor(_ChunkFiles(self.files), RowReader, RowWriter)
        self.server = ModelServer(lambda: touchy.shelf, chunks=lambda: chunks)

    def run(self, batch: Any, **changes: Any) -> Any:
        steps = {"plan": self.plan, "unpack": self.unpack, "pack": self.pack}
        self.executions.append(super().run(batch, **(steps | changes)))
        return self.executions[-1]

    def plan(self, event: dict[str, Any]) -> Any:
        ports = PlanPorts(
            store=self.store,
            files=self.files,
            registry=self.registry,
            objects=self.objects,
            clock=self.clock,
            bucket=BUCKET,
            inflate=inflate,
            row_groups=lambda: ParquetRowGroups(self.files),
        )
        return plan(msgspec.convert(event, PlanEvent), ports, self.sizes)

    def unpack(self, event: dict[str, Any]) -> Any:
        row_groups = ParquetRowGroups(self.files)
        return unpack(msgspec.convert(event, UnpackEvent), files=self.files, row_groups=row_groups)

    def pack(self, event: dict[str, Any]) -> Any:
        return pack(msgspec.convert(event, PackEvent), files=self.files, packer=pack_part)

    def _invoke(self, given: dict[str, Any]) -> Any:
        assert given["FunctionName"] == "predictor:1"
        name = given["Payload"]["chunk"]["name"]
        self.asked.append(name)
        if self.crashes.get(name):
            raise self.crashes[name].pop(0)
        return self.server.handle(given["Payload"])

    def submit(self, name: str, content: bytes, **said: str) -> Any:
        """Drop a file and run its batch to the end; the batch as it is then."""
        source = self.drop(content, name=name, model="shapes", **said)
        batch = self.store.get(self.start(source).batch)
        if not batch.state.final:
            self.run(batch)
        return self.store.get(batch.id)
