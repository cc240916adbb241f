"""Jobs of graphs in memory, with the promises of the ports; a process may die at any call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from fakes.clock import EPOCH
from fakes.jobs import Life
from servery.domain.digest import digest_bytes
from servery.domain.graph_jobs import (
    GraphJob,
    GraphJobState,
    ListedGraphJob,
    PartMessage,
    PartResult,
    PartState,
    listed,
    order_of,
)
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.errors import ConflictError, NotFoundError

BODY = '{"records": [{"x": 1.5}]}'
DAY = 86_400.0


def a_group(*names: str, **more: Any) -> GraphRecord:
    """A graph that is one group of so many members."""
    members = [{"name": name, "model": f"model-{name}"} for name in names or ("a", "b")]
    steps = [{"name": "team", "group": {"members": members, "aggregate": "vote"}}]
    spec = msgspec.convert({"name": "g", "owner": "tests", "steps": steps, **more}, GraphSpec)
    return GraphRecord(spec=spec, revision=3, registered="2026-03-01T12:00:00+00:00")


def a_graph_job(job_id: str = "0" * 26, **changes: Any) -> GraphJob:
    """A job that was accepted at `EPOCH`; its body and digest fit each other."""
    now = EPOCH.timestamp()
    body = changes.get("body", BODY)
    record = changes.get("record", a_group())
    values: dict[str, Any] = {
        "id": job_id,
        "graph": record.spec.name,
        "graph_revision": record.revision,
        "record": record,
        "created": EPOCH.isoformat(timespec="microseconds"),
        "expires": now + 7 * DAY,
        "settle_at": now + 300,
        "request_id": "request-1",
        "digest": digest_bytes(body.encode()),
        "body": body,
        "due": now + 30,
    }
    return GraphJob(**(values | changes))


def a_result(part: str = "a", job_id: str = "0" * 26, **changes: Any) -> PartResult:
    """What a member answered."""
    values: dict[str, Any] = {
        "job": job_id,
        "part": part,
        "state": PartState.DONE,
        "model": f"model-{part}",
        "model_version": "1.0.0-data.split",
        "arrived": EPOCH.isoformat(timespec="microseconds"),
        "rows": '[{"class": "yes"}]',
        "writer": "w",
    }
    return PartResult(**(values | changes))


class MemoryGraphJobs:
    """Everything goes through JSON, so what cannot be stored for real cannot be stored here.

    Args:
        life: Of the process that uses it.

    Attributes:
        failure: Raised by every call while there is one.
    """

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self._jobs: dict[str, bytes] = {}
        self._results: dict[tuple[str, str], bytes] = {}
        self.failure: Exception | None = None

    def add(self, job: GraphJob) -> GraphJob:
        self._answer()
        content = msgspec.json.encode(job)
        return _job(self._life.act("add", lambda: self._jobs.setdefault(job.id, content)))

    def get(self, job_id: str) -> GraphJob:
        self._answer()
        if job_id not in self._jobs:
            raise NotFoundError("there is no such job")
        return _job(self._jobs[job_id])

    def put(self, job: GraphJob) -> None:
        self._answer()
        self._life.act("put", lambda: self._put(job))

    def add_result(self, result: PartResult, *, expires: float) -> PartResult:
        self._answer()
        key, content = (result.job, result.part), msgspec.json.encode(result)
        kept = self._life.act("add result", lambda: self._results.setdefault(key, content))
        return _result(kept)

    def result(self, job_id: str, part: str) -> PartResult | None:
        self._answer()
        content = self._results.get((job_id, part))
        return None if content is None else _result(content)

    def results(self, job_id: str) -> list[PartResult]:
        self._answer()
        return [_result(c) for (job, _), c in sorted(self._results.items()) if job == job_id]

    def mark_told(self, result: PartResult) -> None:
        self._answer()
        self._life.act("mark told", lambda: self._mark_told((result.job, result.part)))

    def page(
        self, graph: str, state: GraphJobState | None, *, limit: int, before: str
    ) -> list[ListedGraphJob]:
        self._answer()
        found = [
            listed(job)
            for job in self.all()
            if job.graph == graph and state in (None, job.state)
            if not before or order_of(job) < before
        ]
        return sorted(found, key=order_of, reverse=True)[:limit]

    def due(self, now: float, *, limit: int) -> list[str]:
        self._answer()
        found = [(job.due, job.id) for job in self.all() if job.due is not None]
        return [job_id for due, job_id in sorted(found) if due <= now][:limit]

    def all(self) -> list[GraphJob]:
        """Every job, whole."""
        return [_job(content) for content in self._jobs.values()]

    def forget(self, job_id: str) -> None:
        """What TTL does."""
        del self._jobs[job_id]
        self._results = {key: c for key, c in self._results.items() if key[0] != job_id}

    def _put(self, job: GraphJob) -> None:
        stored = self._jobs.get(job.id)
        if stored is None or _job(stored).revision != job.revision - 1:
            raise ConflictError("the job was changed by somebody else")
        self._jobs[job.id] = msgspec.json.encode(job)

    def _mark_told(self, key: tuple[str, str]) -> None:
        if key in self._results:
            told = msgspec.structs.replace(_result(self._results[key]), told=True)
            self._results[key] = msgspec.json.encode(told)

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure


class MemoryPartTopic:
    """Remembers what was published; raises `failure` instead while there is one."""

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self.published: list[PartMessage] = []
        self.failure: Exception | None = None

    def publish(self, messages: Sequence[PartMessage]) -> None:
        if self.failure is not None:
            raise self.failure
        self._life.act("publish", lambda: self.published.extend(messages))


class MemoryGraphEvents:
    """Remembers what it told, as JSON would have it; raises `failure` while there is one."""

    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()
        self.members: list[tuple[GraphJob, PartResult]] = []
        self.ends: list[GraphJob] = []
        self.failure: Exception | None = None

    def answered(self, job: GraphJob, result: PartResult) -> None:
        self._answer()
        self._life.act("answered", lambda: self.members.append((job, result)))

    def finished(self, job: GraphJob) -> None:
        self._answer()
        self._life.act("finished", lambda: self.ends.append(job))

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure


def _job(content: bytes) -> GraphJob:
    return msgspec.json.decode(content, type=GraphJob)


def _result(content: bytes) -> PartResult:
    return msgspec.json.decode(content, type=PartResult)
