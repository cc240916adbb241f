"""Batches in memory: their store, their files, who carries them out and who is told."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec
from servery.domain.batches import Batch, BatchState, Source, order_of
from servery.domain.chunks import ChunkResult
from servery.errors import ArtifactError, ConflictError, NotFoundError


class MemoryBatchStore:
    """Every record goes through JSON, so what cannot be stored for real cannot be stored here.

    Attributes:
        writes: Ids of the batches in the order in which they were written.
    """

    def __init__(self) -> None:
        self._batches: dict[str, bytes] = {}
        self._results: dict[tuple[str, str], bytes] = {}
        self._holders: dict[tuple[str, str, int], str] = {}
        self._looks: dict[str, str] = {}
        self.writes: list[str] = []

    def add(self, batch: Batch, *, earlier: Batch | None = None) -> Batch:
        if batch.id in self._batches:
            return self.get(batch.id)
        if not batch.state.final:
            content = batch.model, batch.source.etag, batch.source.size
            if self._holders.get(content) != (earlier.id if earlier else None):
                raise ConflictError("another batch over the same content was added meanwhile")
            self._holders[content] = batch.id
        self._write(batch)
        return batch

    def get(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            raise NotFoundError("there is no such batch")
        return msgspec.json.decode(self._batches[batch_id], type=Batch)

    def put(self, batch: Batch) -> None:
        if batch.id not in self._batches or batch.revision != self.get(batch.id).revision + 1:
            raise ConflictError("the batch has changed meanwhile")
        self._write(batch)

    def page(self, model: str, state: BatchState | None, *, limit: int, before: str) -> list[Batch]:
        found = [
            batch
            for batch in self.all()
            if batch.model == model
            and state in (None, batch.state)
            and (not before or order_of(batch) < before)
        ]
        return sorted(found, key=order_of, reverse=True)[:limit]

    def of_object(self, model: str, source: Source) -> Batch | None:
        holder = self._holders.get((model, source.etag, source.size))
        if holder is None:
            return None
        batch = self.get(holder)
        return None if batch.source == source else batch

    def results(self, batch_id: str) -> Iterator[ChunkResult]:
        for key in sorted(k for k in self._results if k[0] == batch_id):
            yield msgspec.json.decode(self._results[key], type=ChunkResult)

    def forget_results(self, batch_id: str, names: Iterable[str]) -> None:
        for name in list(names):
            self._results.pop((batch_id, name), None)

    def last_look(self, model: str) -> str:
        return self._looks.get(model, "")

    def keep_look(self, model: str, period: str) -> None:
        self._looks[model] = period

    def keep_result(self, batch_id: str, result: ChunkResult) -> None:
        """What the state machine does when a chunk is over."""
        self._results[batch_id, result.name] = msgspec.json.encode(result)

    def all(self) -> list[Batch]:
        """Every batch, oldest first."""
        found = [msgspec.json.decode(b, type=Batch) for b in self._batches.values()]
        return sorted(found, key=order_of)

    def _write(self, batch: Batch) -> None:
        self._batches[batch.id] = msgspec.json.encode(batch)
        self.writes.append(batch.id)


@dataclass
class _Version:
    source: Source
    content: bytes
    metadata: dict[str, str]


@dataclass
class MemoryFiles:
    """Buckets in memory; the exchange bucket is one of them.

    Attributes:
        bucket: Name of the exchange bucket.
        versioned: Whether the buckets keep versions; else the last content is the only one.
        reads: (key, start, end) of each read of a range, in order.
        writes: Keys of the exchange bucket in the order in which they were written.
        failure: When set, every call raises it.
    """

    bucket: str = "exchange"
    versioned: bool = True
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    failure: Exception | None = None
    _objects: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    _count: int = 0

    def drop(
        self,
        key: str,
        content: bytes,
        metadata: dict[str, str] | None = None,
        *,
        bucket: str = "",
    ) -> Source:
        """What a caller does: put an object with its metadata; which version it became."""
        bucket = bucket or self.bucket
        self._count += 1
        source = Source(
            bucket=bucket,
            key=key,
            version_id=f"v{self._count}" if self.versioned else "",
            etag=hashlib.md5(content).hexdigest(),  # noqa: S324 - what S3 does
            size=len(content),
        )
        version = _Version(source, bytes(content), dict(metadata or {}))
        kept = self._objects.get((bucket, key), []) if self.versioned else []
        self._objects[bucket, key] = [*kept, version]
        return source

    def remove(self, key: str, *, bucket: str = "") -> None:
        """What a caller does: delete an object with all its versions."""
        self._objects.pop((bucket or self.bucket, key), None)

    def stat(self, bucket: str, key: str) -> Source:
        return self._newest(bucket, key).source

    def metadata(self, source: Source) -> dict[str, str]:
        return dict(self._exactly(source).metadata)

    def read(self, source: Source, start: int, end: int) -> bytes:
        self.reads.append((source.key, start, end))
        return self._exactly(source).content[start:end]

    def stream(self, source: Source) -> BinaryIO:
        return io.BytesIO(self._exactly(source).content)

    def list(self, bucket: str, prefix: str) -> Iterator[Source]:
        self._fail()
        for where in sorted(self._objects):
            if where[0] == bucket and where[1].startswith(prefix):
                yield msgspec.structs.replace(self._objects[where][-1].source, version_id="")

    def load(self, key: str) -> bytes:
        try:
            return self._newest(self.bucket, key).content
        except NotFoundError as error:
            raise ArtifactError(f"{key} is missing") from error

    def put(self, key: str, content: bytes) -> None:
        self._fail()
        self.drop(key, content)
        self.writes.append(key)

    def put_all(self, key: str, pieces: Iterable[bytes]) -> int:
        content = b"".join(pieces)
        self.put(key, content)
        return len(content)

    def exists(self, key: str) -> bool:
        self._fail()
        return (self.bucket, key) in self._objects

    def delete(self, keys: Iterable[str]) -> None:
        self._fail()
        for key in list(keys):
            self.remove(key)

    def keys(self, prefix: str = "") -> list[str]:
        """Keys of the exchange bucket, sorted."""
        found = (key for bucket, key in self._objects if bucket == self.bucket)
        return sorted(key for key in found if key.startswith(prefix))

    def _newest(self, bucket: str, key: str) -> _Version:
        self._fail()
        if (bucket, key) not in self._objects:
            raise NotFoundError(f"s3://{bucket}/{key} is missing, or may not be read")
        return self._objects[bucket, key][-1]

    def _exactly(self, source: Source) -> _Version:
        self._fail()
        versions = self._objects.get((source.bucket, source.key), [])
        if not source.version_id:
            versions = versions[-1:]
        for version in versions:
            same = version.source.version_id == source.version_id or not source.version_id
            if same and version.source.etag == source.etag:
                return version
        raise ConflictError(f"{source.uri} is no longer what it was when the batch began")

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class MemoryBatchQueue:
    """Remembers what was started, each execution once.

    Attributes:
        started: Names of the executions, in order.
        over: Names of executions that have ended.
        failure: When set, `start` raises it.
    """

    started: list[str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    failure: Exception | None = None

    def start(self, batch: Batch) -> None:
        if self.failure is not None:
            raise self.failure
        if batch.execution not in self.started:
            self.started.append(batch.execution)

    def ended(self, batch: Batch) -> bool:
        return batch.execution in self.over


@dataclass
class MemoryBatchEvents:
    """Remembers who was told what; raises `failure` instead when there is one."""

    published: list[Batch] = field(default_factory=list)
    failure: Exception | None = None

    def publish(self, batch: Batch) -> None:
        if self.failure is not None:
            raise self.failure
        self.published.append(batch)
