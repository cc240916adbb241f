"""What policies work with, in memory: each does what a test says and remembers what it saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef
from servery.domain.signature import Signature
from servery.errors import RefusedError, RejectedError
from servery.ports import Inquiry, Reply, ShadowCopy, TakenJob
from servery.usecases.gateway import Guards


@dataclass
class FakeLook:
    """What the cache knows of one request: the rows whose number is in `found`."""

    cache: FakeCache
    inquiry: Inquiry
    found: dict[int, dict[str, Any]]
    ended: str = ""

    @property
    def records(self) -> list[dict[str, Any]]:
        return json.loads(self.inquiry.body)["records"]

    @property
    def rows(self) -> int:
        return len(self.records)

    @property
    def missing(self) -> list[int]:
        return [place for place in range(self.rows) if place not in self.found]

    @property
    def state(self) -> str:
        return "miss" if not self.found else "partial" if self.missing else "hit"

    @property
    def question(self) -> str:
        if not self.missing:
            return ""
        if not self.found:
            return self.inquiry.body
        return json.dumps({"records": [self.records[place] for place in self.missing]})

    def answer(self) -> str:
        return self._document([self.found[place] for place in range(self.rows)])

    def weave(self, reply: Reply) -> str:
        self.ended = "woven"
        if not reply.exact:
            return reply.body
        told = dict(zip(self.missing, json.loads(reply.body)["predictions"], strict=True))
        for place, row in told.items():
            self.cache.rows[json.dumps(self.records[place])] = row
        rows = {**self.found, **told}
        return self._document([rows[place] for place in range(self.rows)])

    def give_up(self) -> None:
        self.ended = "given up"

    def _document(self, rows: list[dict[str, Any]]) -> str:
        said = {"model": "iris", "served_by": self.inquiry.served_by, "cache": self.state}
        return json.dumps({**said, "predictions": rows})


@dataclass
class FakeCache:
    """Keeps rows for ever, of whichever version; `away` is one that cannot be asked."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: list[FakeLook] = field(default_factory=list)
    away: bool = False

    def look_up(self, inquiry: Inquiry) -> FakeLook | None:
        try:
            records = json.loads(inquiry.body)["records"]
        except (ValueError, KeyError):
            records = []
        if self.away or not records:
            return None
        known = {place: self.rows.get(json.dumps(row)) for place, row in enumerate(records)}
        look = FakeLook(self, inquiry, {k: v for k, v in known.items() if v is not None})
        self.looks.append(look)
        return look


@dataclass
class FakeLastKnown:
    """Keeps whole documents by the body that was asked."""

    kept: dict[str, str] = field(default_factory=dict)

    def recall(self, inquiry: Inquiry) -> str | None:
        return self.kept.get(inquiry.body)

    def keep(self, inquiry: Inquiry, document: str) -> None:
        self.kept[inquiry.body] = document


@dataclass
class FakeAdmission:
    """Lets everybody in, unless `refusal` says otherwise."""

    refusal: RefusedError | None = None
    inside: int = 0
    admitted: list[str] = field(default_factory=list)

    @contextmanager
    def admit(self, deployment: Deployment, served: Served) -> Iterator[None]:
        if self.refusal is not None:
            raise self.refusal
        self.admitted.append(served.ref.version)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


@dataclass
class FakeBreaker:
    """Counts; it is open where a test says so."""

    open: bool = False
    failures: list[str] = field(default_factory=list)
    successes: int = 0

    def check(self, deployment: Deployment, served: Served) -> None:
        if self.open:
            raise RefusedError("the model server keeps failing", reason="breaker", retry_after=7)

    def call(self, deployment: Deployment, served: Served, ask: Callable[[], Any]) -> Any:
        try:
            answer = ask()
        except (RejectedError, RefusedError):
            raise
        except Exception as error:
            self.failures.append(type(error).__name__)
            raise
        self.successes += 1
        return answer


@dataclass
class FakeSignatures:
    """One signature for every model, unless it is told otherwise for one."""

    signature: Signature
    by_model: dict[str, Signature] = field(default_factory=dict)
    failure: Exception | None = None

    def of(self, ref: ModelRef) -> Signature:
        if self.failure is not None:
            raise self.failure
        return self.by_model.get(ref.model, self.signature)


@dataclass
class FakeJobDesk:
    """Takes every request."""

    taken: list[Inquiry] = field(default_factory=list)
    failure: Exception | None = None

    def take(self, inquiry: Inquiry) -> TakenJob:
        if self.failure is not None:
            raise self.failure
        self.taken.append(inquiry)
        return TakenJob("job-1", '{"id":"job-1","state":"queued"}')


@dataclass
class FakeShadow:
    """Remembers what it was handed."""

    copies: list[ShadowCopy] = field(default_factory=list)

    def send(self, copy: ShadowCopy) -> None:
        self.copies.append(copy)


@dataclass
class Equipment:
    """All of them, and the guards that give them."""

    signatures: FakeSignatures
    cache: FakeCache = field(default_factory=FakeCache)
    last_known: FakeLastKnown = field(default_factory=FakeLastKnown)
    admission: FakeAdmission = field(default_factory=FakeAdmission)
    breaker: FakeBreaker = field(default_factory=FakeBreaker)
    jobs: FakeJobDesk = field(default_factory=FakeJobDesk)
    shadow: FakeShadow = field(default_factory=FakeShadow)

    @property
    def guards(self) -> Guards:
        return Guards(
            cache=lambda: self.cache,
            last_known=lambda: self.last_known,
            admission=lambda: self.admission,
            breaker=lambda: self.breaker,
            signatures=lambda: self.signatures,
            jobs=lambda: self.jobs,
            shadow=lambda: self.shadow,
        )
