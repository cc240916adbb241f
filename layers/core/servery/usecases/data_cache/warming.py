"""Warming a cache: what was asked before is counted, and what the cache lacks is predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.cached_rows import CachedRow, holds, place_of
from servery.domain.manifest import Part
from servery.domain.warm_ups import WarmUp, WarmUpState
from servery.errors import ConflictError, ServeryError
from servery.usecases.data_cache.asked_before import days_back, logged
from servery.usecases.data_cache.asking import Answers
from servery.usecases.data_cache.batch_rows import BatchRows, FileReaders
from servery.usecases.data_cache.journal import Journal
from servery.usecases.data_cache.tally import Tally

if TYPE_CHECKING:
    from servery.domain.canonical import Reading
    from servery.domain.deployment import Served
    from servery.domain.policies import CachePolicy
    from servery.ports import BatchStore, Clock, LakeTables, ModelServers, Registry
    from servery.ports.data_cache import Manifests
    from servery.ports.warming import PatientRows, WarmUpStore
    from servery.usecases.data_cache.models import CachedModels

READ_AT_ONCE = 1000
_LATE = "the time was up; the next one goes on with what is missing"
_PURGED = "the cache was purged meanwhile; nobody finds any more what was kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmingPorts:
    """What warming works with.

    Attributes:
        store: Warm-ups.
        registry: Who answers.
        manifests: What models take.
        models: How requests and answers are read.
        rows: The cache's table.
        log: The prediction log.
        batches: Batches.
        readers: Their files.
        servers: Model servers.
        clock: The time.
        wait: Waits for so many seconds.
    """

    store: WarmUpStore
    registry: Registry
    manifests: Manifests
    models: CachedModels
    rows: PatientRows
    log: LakeTables
    batches: BatchStore
    readers: FileReaders
    servers: ModelServers
    clock: Clock
    wait: Callable[[float], None]


def warm(model: str, warm_up_id: str, ports: WarmingPorts, *, seconds: float) -> WarmUp:
    """Carry a warm-up out; whatever goes wrong is said in its record.

    Another one goes on with what the cache lacks then.

    Args:
        model: Name of the model.
        warm_up_id: Which.
        ports: What it works with.
        seconds: How long it may take.

    Returns:
        The record as it was left.
    """
    warm_up = ports.store.get(model, warm_up_id)
    if warm_up.state is not WarmUpState.RUNNING:
        return warm_up
    journal = Journal(warm_up, ports.store, ports.clock, ports.clock.now().timestamp() + seconds)
    try:
        _Run(journal, ports).carry_out()
    except ServeryError as error:
        journal.tell(state=WarmUpState.FAILED, reason=str(error))
    except Exception:
        journal.tell(state=WarmUpState.FAILED, reason="an error that nobody had thought of")
        raise
    return journal.warm_up


class _Run:
    """One warm-up under way."""

    def __init__(self, journal: Journal, ports: WarmingPorts) -> None:
        self._journal = journal
        self._ports = ports
        self._warm_up = journal.warm_up
        self._policy = self._current()[0]
        served = self._served()
        self._ref = served.ref
        self._model = ports.models.of(self._ref)
        self._tally = Tally(self._ref, self._policy.generation)
        limits = ports.manifests.get(self._ref).limits
        self._answers = Answers(
            self._served,
            self._model,
            ports.servers,
            most_rows=limits.max_rows,
            most_bytes=limits.max_body_kb * 1000,
            wait=ports.wait,
            request_id=f"warm-{self._warm_up.id}",
        )

    def carry_out(self) -> None:
        """Count, look, predict, and look again."""
        complete = self._count()
        rows, places = self._tally.rows, self._tally.places(self._policy.max_entries)
        found = self._found()
        before = self._tally.coverage(found)
        self._journal.tell(
            distinct=len(rows),
            left_out=self._tally.left_out,
            displaced=len(rows) - len(places),
            known=len(found),
            before=before,
            coverage=before,
        )
        missing = [key for key in places.values() if key not in found]
        complete = self._predict(list(self._tally.most_asked(missing))) and complete
        self._end(complete=complete)

    def _count(self) -> bool:
        """Count the rows that were asked; whether there was time for all of them."""
        read, unread, complete = 0, 0, True
        for reading in self._readings():
            read += 1 if reading is None else len(reading.rows)
            if reading is None:
                unread += 1
            else:
                self._tally.add(reading)
            if not self._journal.goes_on(read=read, unread=unread):
                complete = False
                break
        self._journal.tell(read=read, unread=unread)
        return complete

    def _readings(self) -> Iterator[Reading | None]:
        warm_up, ports = self._warm_up, self._ports
        if warm_up.origin == "batch":
            source = ports.batches.get(warm_up.batch).source
            yield from BatchRows(self._model, ports.readers).readings(source)
            return
        # Features are of use to the predictor alone that was trained with who made them.
        own = self._ref.version if self._ref.part is Part.PREDICTOR else ""
        for line in logged(ports.log, warm_up.model, days_back(ports.clock.now(), warm_up.days)):
            if line.body and (not own or line.model_version == own):
                yield self._model.canonical.read(line.body)

    def _found(self) -> set[bytes]:
        """The keys that the cache answers now."""
        found: set[bytes] = set()
        keys = list(self._tally.rows)
        for start in range(0, len(keys), READ_AT_ONCE):
            some = keys[start : start + READ_AT_ONCE]
            places = {key: self._place(key) for key in some}
            rows = self._ports.rows.read(set(places.values()))
            now = self._now()
            found |= {
                key
                for key, place in places.items()
                if place in rows and holds(rows[place], key, self._policy, now)
            }
        return found

    def _predict(self, keys: Sequence[bytes]) -> bool:
        """Have rows predicted and keep the answers; whether there was time for all of them."""
        predicted, refused = 0, 0
        at_once = self._answers.at_once
        for start in range(0, len(keys), at_once):
            some = keys[start : start + at_once]
            answers = self._answers.ask([self._tally.rows[key].values for key in some])
            now = self._now()
            kept = [
                CachedRow(self._place(key), key, answer, now, now + self._policy.seconds)
                for key, answer in zip(some, answers, strict=True)
                if answer is not None
            ]
            self._ports.rows.write(kept)
            predicted, refused = predicted + len(kept), refused + len(some) - len(kept)
            if not self._journal.goes_on(predicted=predicted, refused=refused):
                break
        self._journal.tell(predicted=predicted, refused=refused)
        return predicted + refused == len(keys)

    def _end(self, *, complete: bool) -> None:
        coverage = self._tally.coverage(self._found())
        state = WarmUpState.DONE if complete else WarmUpState.STOPPED
        reason = "" if complete else _LATE
        if self._current()[0].generation != self._policy.generation:
            reason = _PURGED
        self._journal.tell(state=state, coverage=coverage, reason=reason)

    def _current(self) -> tuple[CachePolicy, Served]:
        """The cache and the version as the deployment has them now.

        Raises:
            ConflictError: there is no cache any more.
            NotFoundError: the version is not served any more.
        """
        deployment = self._ports.registry.deployment(self._warm_up.model)
        if deployment.policies.cache is None:
            raise ConflictError("the deployment has no cache any more")
        return deployment.policies.cache, deployment.served(self._warm_up.version)

    def _served(self) -> Served:
        return self._current()[1]

    def _place(self, key: bytes) -> str:
        return place_of(self._warm_up.model, key, self._policy.max_entries)

    def _now(self) -> float:
        return self._ports.clock.now().timestamp()
