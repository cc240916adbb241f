"""Batches: where they are kept, the files they read and write, and who carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from servery.domain.batches import Batch, BatchState, Source
    from servery.domain.chunks import ChunkResult


class BatchStore(Protocol):
    """Keeps batches and the results of their chunks."""

    def add(self, batch: Batch, *, earlier: Batch | None = None) -> Batch:
        """Keep a new batch; where one is kept under its id already, that one is given back.

        A batch that is not over from the start becomes the newest one over its content.

        Args:
            batch: What to keep.
            earlier: The one that `of_object` knew; `ConflictError` where there is another by now,
                so of two drops of the same content at once the later one sees the other.
        """
        ...

    def get(self, batch_id: str) -> Batch:
        """One batch; `NotFoundError` where there is none."""
        ...

    def put(self, batch: Batch) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        ...

    def page(self, model: str, state: BatchState | None, *, limit: int, before: str) -> list[Batch]:
        """A model's batches, newest first; `before` is the `order` (created, a space, id)."""
        ...

    def of_object(self, model: str, source: Source) -> Batch | None:
        """The newest batch of a model over the same content (ETag and size), but for its own.

        Batches that were over from the start (skipped, refused) are not counted.
        """
        ...

    def results(self, batch_id: str) -> Iterator[ChunkResult]:
        """The results of its chunks, by name."""
        ...

    def forget_results(self, batch_id: str, names: Iterable[str]) -> None:
        """Remove results of chunks that are to be run again."""
        ...

    def last_look(self, model: str) -> str:
        """The period in which a model's schedule was last looked after; empty for never."""
        ...

    def keep_look(self, model: str, period: str) -> None:
        """A model's schedule was looked after in this period."""
        ...


class Files(Protocol):
    """Objects in S3 as files that are never held whole."""

    def stat(self, bucket: str, key: str) -> Source:
        """The object as it is now; `NotFoundError` where there is none."""
        ...

    def metadata(self, source: Source) -> dict[str, str]:
        """The user metadata of an object, names in lower case."""
        ...

    def read(self, source: Source, start: int, end: int) -> bytes:
        """Bytes of exactly this version; `ConflictError` where it is no longer there."""
        ...

    def stream(self, source: Source) -> BinaryIO:
        """All of its bytes, one after the other; to be closed."""
        ...

    def list(self, bucket: str, prefix: str) -> Iterator[Source]:
        """The objects under a prefix, by key."""
        ...

    def load(self, key: str) -> bytes:
        """A small object of the exchange bucket; `ArtifactError` where there is none."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the exchange bucket whole."""
        ...

    def put_all(self, key: str, pieces: Iterable[bytes]) -> int:
        """Write an object of the exchange bucket piece by piece; how many bytes it has."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the exchange bucket has an object."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects of the exchange bucket."""
        ...


class BatchQueue(Protocol):
    """Starts the state machine."""

    def start(self, batch: Batch) -> None:
        """Start the execution `batch.execution`; one that was started already is left alone."""
        ...

    def ended(self, batch: Batch) -> bool:
        """Whether that execution is over; one that was never started is not."""
        ...


class BatchEvents(Protocol):
    """Tells the event bus."""

    def publish(self, batch: Batch) -> None:
        """One event for a batch that is over."""
        ...
