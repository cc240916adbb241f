"""Jobs: where they are kept, their queues, and telling whoever waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from servery.domain.jobs import Job, JobState, Listed


class JobStore(Protocol):
    """Keeps jobs; conditional writes only."""

    def add(self, job: Job) -> Job:
        """Keep a new job; where one is kept under its id already, that one is given back."""
        ...

    def get(self, job_id: str) -> Job:
        """One job, whole; `NotFoundError` where there is none."""
        ...

    def get_many(self, job_ids: Collection[str]) -> dict[str, Job]:
        """The jobs that there are, whole, by id."""
        ...

    def put(self, job: Job) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower.

        The body stays as it was added. The result stays too where a job that is over comes
        without one, so a job out of `due` can be written back.
        """
        ...

    def page(
        self, model: str, state: JobState | None, *, limit: int, before: str, now: float
    ) -> list[Listed]:
        """A model's jobs as they are seen at `now`, newest first, by `order_in_state` in a state.

        Args:
            model: Whose jobs.
            state: In which state; None for any. Those whose time has passed are expired.
            limit: How many; fewer come only where there are no more.
            before: The `order_of` (in a state: `order_in_state`) of the last one seen; empty for
                the first.
            now: By which jobs expire, seconds since the epoch.
        """
        ...

    def due(self, now: float, *, limit: int) -> list[Job]:
        """Jobs that a sweep has to look at by `now`, the longest waiting first.

        They come without bodies and results, and may be a moment old.
        """
        ...


class Documents(Protocol):
    """Bodies and results that are too large for a record, by key."""

    def get(self, key: str) -> bytes:
        """All bytes; `ArtifactError` where there are none."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write whole."""
        ...


class JobQueue(Protocol):
    """Messages that say "look at this job"."""

    def send(self, job_ids: Sequence[str], *, delay: float = 0.0) -> None:
        """Put messages into the queue; `UnavailableError` where not all of them got there."""
        ...


class DeadJobs(Protocol):
    """The queue of jobs that failed for good, until somebody drives them again."""

    def add(self, job_id: str, reason: str) -> None:
        """Lay a job aside."""
        ...

    def take(self, limit: int) -> Mapping[str, str]:
        """Some of them: the handle of each message and the id of its job; hidden for a minute."""
        ...

    def remove(self, handles: Collection[str]) -> None:
        """Delete messages that were taken."""
        ...


class JobEvents(Protocol):
    """Tells the event bus."""

    def publish(self, jobs: Sequence[Job]) -> None:
        """One event per job that is over; `UnavailableError` where not all of them got there."""
        ...


class Caller(Protocol):
    """Calls back over HTTPS."""

    def check(self, url: str) -> None:
        """Refuse what may never be called; `InvalidInputError` says why."""
        ...

    def call(self, url: str, body: bytes, *, job_id: str) -> int:
        """POST a signed body, return the status.

        `InvalidInputError` where the address leads to where nobody may call, `UnavailableError`
        where there is no answer.
        """
        ...
