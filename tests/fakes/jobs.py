"""Jobs in memory, with the promises of the ports, and a way to die between any two calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.clock import EPOCH
from servery.domain.digest import digest_bytes
from servery.domain.jobs import Job, JobState, Listed, listed, order_in_state, order_of, seen
from servery.errors import ArtifactError, ConflictError, InvalidInputError, NotFoundError

BODY = '{"records": [{"sepal_length": 5.1}]}'
DAY = 86_400.0


class DiedError(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Life:
    """Counts the calls that change something, each before and after it has happened.

    Attributes:
        ends_at: The moment, from 1, at which the process dies; 0 for never.
        fails_at: The moment at which one call fails instead, with `failure`.
        failure: What is raised then.
        moments: How many there have been, by name.
    """

    ends_at: int = 0
    fails_at: int = 0
    failure: Exception | None = None
    moments: list[str] = field(default_factory=list)

    def moment(self, name: str) -> None:
        self.moments.append(name)
        if len(self.moments) == self.ends_at:
            raise DiedError(name)
        if len(self.moments) == self.fails_at and self.failure is not None:
            raise self.failure

    def act(self, name: str, effect: Callable[[], Any]) -> Any:
        """Have an effect, with a moment before it and one after."""
        self.moment(f"before {name}")
        result = effect()
        self.moment(f"after {name}")
        return result


def a_job(job_id: str = "0" * 26, **changes: Any) -> Job:
    """A job that was accepted at `EPOCH`; its body and digest fit each other."""
    now = EPOCH.timestamp()
    body = changes.get("body", BODY)
    values: dict[str, Any] = {
        "id": job_id,
        "model": "iris",
        "state": JobState.QUEUED,
        "created": EPOCH.isoformat(timespec="microseconds"),
        "expires": now + 7 * DAY,
        "request_id": "request-1",
        "digest": digest_bytes(body.encode()),
        "body": body,
        "due": now + 30,
    }
    return Job(**(values | changes))


class MemoryJobStore:
    """Every job goes through JSON, so what cannot be stored for real cannot be stored here.

    Args:
        life: Of the process that uses it.

    Attributes:
        failure: Raised by every call while there is one.
    """

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self._jobs: dict[str, bytes] = {}
        self.failure: Exception | None = None

    def add(self, job: Job) -> Job:
        self._answer()
        content = msgspec.json.encode(job)
        kept = self._life.act("add", lambda: self._jobs.setdefault(job.id, content))
        return _read(kept)

    def get(self, job_id: str) -> Job:
        self._answer()
        if job_id not in self._jobs:
            raise NotFoundError("there is no such job")
        return _read(self._jobs[job_id])

    def get_many(self, job_ids: Collection[str]) -> dict[str, Job]:
        self._answer()
        return {i: _read(self._jobs[i]) for i in job_ids if i in self._jobs}

    def put(self, job: Job) -> None:
        self._answer()
        self._life.act("put", lambda: self._put(job))

    def page(
        self, model: str, state: JobState | None, *, limit: int, before: str, now: float
    ) -> list[Listed]:
        self._answer()
        place = order_of if state is None else order_in_state
        found = [
            job
            for job in (listed(seen(job, now=now)) for job in self.all())
            if job.model == model and state in (None, job.state)
            if not before or place(job) < before
        ]
        return sorted(found, key=place, reverse=True)[:limit]

    def due(self, now: float, *, limit: int) -> list[Job]:
        self._answer()
        found = [(job.due, job.id, job) for job in self.all() if job.due is not None]
        return [_bare(job) for due, _, job in sorted(found, key=lambda f: f[:2]) if due <= now][
            :limit
        ]

    def all(self) -> list[Job]:
        """Every job, whole."""
        return [_read(content) for content in self._jobs.values()]

    def forget(self, job_id: str) -> None:
        """What TTL does."""
        del self._jobs[job_id]

    def _put(self, job: Job) -> None:
        stored = self._jobs.get(job.id)
        if stored is None or _read(stored).revision != job.revision - 1:
            raise ConflictError("the job was changed by somebody else")
        before = _read(stored)
        result = job.result or (before.result if job.state.final else "")
        whole = msgspec.structs.replace(job, body=before.body, result=result)
        self._jobs[job.id] = msgspec.json.encode(whole)

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class Sent:
    """One message: the job, and how long it is hidden at first."""

    job_id: str
    delay: float


class MemoryJobQueue:
    """Remembers what was sent; raises `failure` instead while there is one."""

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self.sent: list[Sent] = []
        self.failure: Exception | None = None

    @property
    def ids(self) -> list[str]:
        return [message.job_id for message in self.sent]

    def send(self, job_ids: Sequence[str], *, delay: float = 0.0) -> None:
        if self.failure is not None:
            raise self.failure
        messages = [Sent(job_id, delay) for job_id in job_ids]
        self._life.act("send", lambda: self.sent.extend(messages))


class MemoryDeadJobs:
    """The dead queue; what is taken stays hidden until `show` is called.

    Attributes:
        reasons: Handle to the job's id and the reason, of everything that is in it.
    """

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self._count = 0
        self._hidden: set[str] = set()
        self.reasons: dict[str, tuple[str, str]] = {}
        self.failure: Exception | None = None

    @property
    def ids(self) -> list[str]:
        return [job_id for job_id, _ in self.reasons.values()]

    def add(self, job_id: str, reason: str) -> None:
        if self.failure is not None:
            raise self.failure
        self._life.act("dead add", lambda: self._add(job_id, reason))

    def take(self, limit: int) -> Mapping[str, str]:
        if self.failure is not None:
            raise self.failure
        visible = [handle for handle in self.reasons if handle not in self._hidden][:limit]
        self._hidden.update(visible)
        return {handle: self.reasons[handle][0] for handle in visible}

    def remove(self, handles: Collection[str]) -> None:
        self._life.act("dead remove", lambda: [self.reasons.pop(h, None) for h in handles])

    def show(self) -> None:
        """What a minute does."""
        self._hidden.clear()

    def _add(self, job_id: str, reason: str) -> None:
        self._count += 1
        self.reasons[f"handle-{self._count}"] = (job_id, reason)


class MemoryJobEvents:
    """Remembers the jobs it told of; raises `failure` instead while there is one."""

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self.told: list[Job] = []
        self.failure: Exception | None = None

    @property
    def ids(self) -> list[str]:
        return [job.id for job in self.told]

    def publish(self, jobs: Sequence[Job]) -> None:
        if self.failure is not None:
            raise self.failure
        self._life.act("publish", lambda: self.told.extend(jobs))


class MemoryDocuments:
    """Large documents in memory."""

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self.documents: dict[str, bytes] = {}
        self.failure: Exception | None = None

    def get(self, key: str) -> bytes:
        if key not in self.documents:
            raise ArtifactError(f"{key} is missing, or may not be read")
        return self.documents[key]

    def put(self, key: str, content: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self._life.act("document put", lambda: self.documents.update({key: bytes(content)}))


@dataclass
class Called:
    """One callback."""

    url: str
    body: bytes
    job_id: str


class FakeCaller:
    """Refuses addresses on its list, answers what a test says, and remembers its calls.

    Attributes:
        refused: Addresses that nobody may call.
        answer: The status of each call; an error that it returns is raised.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.answer: Callable[[str], int | Exception] = lambda url: 200
        self.calls: list[Called] = []

    def check(self, url: str) -> None:
        if url in self.refused or not url.startswith("https://"):
            raise InvalidInputError("callback_url: must not be called")

    def call(self, url: str, body: bytes, *, job_id: str) -> int:
        self.check(url)
        self.calls.append(Called(url, body, job_id))
        answer = self.answer(url)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _read(content: bytes) -> Job:
    return msgspec.json.decode(content, type=Job)


def _bare(job: Job) -> Job:
    return msgspec.structs.replace(job, body="", result="")
