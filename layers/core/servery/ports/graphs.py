"""Graphs: where they are kept, and the data of entities that their steps look up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from servery.domain.graph_jobs import (
        GraphJob,
        GraphJobState,
        ListedGraphJob,
        PartMessage,
        PartResult,
    )
    from servery.domain.graph_records import GraphRecord


class GraphStore(Protocol):
    """Keeps graphs with their history; conditional writes only."""

    def get(self, name: str) -> GraphRecord:
        """The newest revision; `NotFoundError` where there is no such graph."""
        ...

    def put(self, record: GraphRecord) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        ...

    def all(self) -> list[GraphRecord]:
        """The newest revision of each graph, by name."""
        ...

    def history(self, name: str, *, limit: int, before: int) -> list[GraphRecord]:
        """The last revisions, newest first; lower than `before` where that is not 0."""
        ...

    def remove(self, name: str) -> None:
        """Take a graph out; its history stays."""
        ...


class Graphs(Protocol):
    """Graphs at hand, for asking them: fresh within seconds, and stale rather than absent."""

    def get(self, name: str) -> GraphRecord:
        """The newest revision; `NotFoundError` where there is no such graph."""
        ...


class EntityStore(Protocol):
    """Data of entities by key; every read sees every write that came before it."""

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key; of none whose time is up."""
        ...

    def put(
        self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int | None = None
    ) -> None:
        """Keep the data of one entity, whole; for so many seconds, or for good."""
        ...

    def put_many(
        self, entity: str, rows: Mapping[str, Mapping[str, Any]], *, seconds: int | None = None
    ) -> None:
        """Keep the data of several; `UnavailableError` where not all could be written."""
        ...

    def remove(self, entity: str, key: str) -> None:
        """Forget one entity; nothing happens where there is none."""
        ...


class GraphJobStore(Protocol):
    """Keeps jobs of graphs and the results of their parts; conditional writes only."""

    def add(self, job: GraphJob) -> GraphJob:
        """Keep a new job; where one is kept under its id already, that one is given back."""
        ...

    def get(self, job_id: str) -> GraphJob:
        """One job, whole, as it is now; `NotFoundError` where there is none."""
        ...

    def put(self, job: GraphJob) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        ...

    def add_result(self, result: PartResult, *, expires: float) -> PartResult:
        """Keep what a part came to; where that is known already, the first is given back.

        Args:
            result: What it came to.
            expires: When its job may be forgotten, seconds since the epoch.
        """
        ...

    def result(self, job_id: str, part: str) -> PartResult | None:
        """What a part of a job came to; None where that is not known yet."""
        ...

    def results(self, job_id: str) -> list[PartResult]:
        """What the parts of a job came to so far; the list sees every write before it."""
        ...

    def mark_told(self, result: PartResult) -> None:
        """Note that what a part came to is published; twice is as good as once."""
        ...

    def page(
        self, graph: str, state: GraphJobState | None, *, limit: int, before: str
    ) -> list[ListedGraphJob]:
        """A graph's jobs, newest first; fewer than `limit` only where there are no more.

        `before` is the `order_of` of the last one seen; empty for the first page.
        """
        ...

    def due(self, now: float, *, limit: int) -> list[str]:
        """Ids of jobs that a sweep has to look at by `now`, the longest waiting first.

        They may be a moment old.
        """
        ...


class PartTopic(Protocol):
    """The topic that carries each part of a job into the queue of its slot."""

    def publish(self, messages: list[PartMessage]) -> None:
        """Publish; `UnavailableError` where not all of them got there."""
        ...


class GraphEvents(Protocol):
    """Tells the event bus."""

    def answered(self, job: GraphJob, result: PartResult) -> None:
        """One part of a job is in, or has failed; `UnavailableError` where nobody was told.

        Whether it is late goes by the job as it is given.
        """
        ...

    def finished(self, job: GraphJob) -> None:
        """A job has ended; `UnavailableError` where nobody was told."""
        ...
