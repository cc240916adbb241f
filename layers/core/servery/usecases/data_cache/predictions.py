"""The prediction cache: rows that a version has answered are answered again without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from servery.domain.cached_rows import CachedRow, flight_place, holds, place_of, row_keys
from servery.usecases.data_cache.hot_tier import HotTiers
from servery.usecases.data_cache.look import Known, RequestLook

if TYPE_CHECKING:
    from servery.domain.answered_rows import AnsweredRow
    from servery.domain.policies import CachePolicy
    from servery.ports import Clock
    from servery.ports.data_cache import RowTable
    from servery.ports.policies import Inquiry, Look
    from servery.usecases.data_cache.flights import Flights
    from servery.usecases.data_cache.models import CachedModels

_KB = 1000
_SHARE = 0.5  # of a caller's time that may be spent waiting for another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one look went.

    Attributes:
        model: Name of the model.
        hits: Rows that were found.
        misses: Rows that were not.
        age_s: Mean age of those that were found, seconds.
    """

    model: str
    hits: int
    misses: int
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how the cache does.

    Attributes:
        looked: Each look.
        failed: What it failed of, when it did.
    """

    looked: Callable[[Figures], None]
    failed: Callable[[Exception, str], None]


class Predictions:
    """Looks requests up: in this process, then in the table; any number of threads may share it.

    Args:
        models: How requests are read.
        table: What all processes share.
        flights: What keeps equal requests from asking the model at the same time.
        clock: What ages go by.
        watch: Who is told how it does.
    """

    def __init__(
        self,
        models: CachedModels,
        table: RowTable,
        flights: Flights,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self._models = models
        self._table = table
        self._flights = flights
        self._clock = clock
        self._watch = watch
        self._hot = HotTiers()

    def look_up(self, inquiry: Inquiry) -> Look | None:
        """What is known of a request; None where it goes past the cache. Never raises."""
        try:
            return self._look_up(inquiry)
        except Exception as error:
            self._watch.failed(error, inquiry.request_id)
            return None

    def _look_up(self, inquiry: Inquiry) -> Look | None:
        policy = inquiry.deployment.policies.cache
        if policy is None or (self._table.away and not policy.hot_kb):
            return None
        started = self._now()
        read = self._models.read(inquiry)
        if read is None or len(read[1].rows) > policy.most_rows:
            return None
        model, reading = read
        keys = row_keys(inquiry.served.ref, policy.generation, reading.rows)
        known = Known(inquiry=inquiry, model=model, reading=reading, keys=keys, found={})
        self._find_hot(known, policy)
        self._find(known, policy)
        flight, owner = "", ""
        seconds = _patience(inquiry, policy) - (self._now() - started)
        if known.missing and seconds > 0 and not self._table.away:
            flight = flight_place(inquiry.deployment.model, known.missing)
            owner = self._join(flight, known, policy, seconds)
        self._tell(known)
        return RequestLook(
            known,
            keep=partial(self._keep, inquiry, policy),
            give_up=partial(self._table.land, flight, owner) if owner else _nothing,
        )

    def _find_hot(self, known: Known, policy: CachePolicy) -> None:
        if not policy.hot_kb:
            return
        now = self._now()
        found = self._hot.get(
            known.inquiry.deployment.model, known.missing, now=now, seconds=policy.hot_seconds
        )
        self._add(known, found, policy, now)

    def _find(self, known: Known, policy: CachePolicy, *, fresh: bool = False) -> None:
        """Read what is missing from the table."""
        missing = known.missing
        if not missing:
            return
        model = known.inquiry.deployment.model
        places = {key: place_of(model, key, policy.max_entries) for key in missing}
        rows = self._table.read(set(places.values()), fresh=fresh)
        if not rows:
            return
        now = self._now()
        found = {key: rows[place] for key, place in places.items() if place in rows}
        added = self._add(known, found, policy, now)
        if policy.hot_kb and added:
            self._hot.put(model, added, now=now, most=policy.hot_kb * _KB)

    def _add(
        self, known: Known, found: dict[bytes, CachedRow], policy: CachePolicy, now: float
    ) -> list[CachedRow]:
        """Those of the rows that are the right ones, not too old, and of use to this request."""
        held = {key: row for key, row in found.items() if holds(row, key, policy, now)}
        known.model.learn(held.values())
        usable = {k: row for k, row in held.items() if known.model.usable(known.reading, row)}
        known.found.update(usable)
        return list(usable.values())

    def _join(self, flight: str, known: Known, policy: CachePolicy, seconds: float) -> str:
        """Take off for the rows that are missing, or wait for who has, and see what he brought."""
        last = known.missing[-1]
        owner = self._flights.join(
            flight,
            place_of(known.inquiry.deployment.model, last, policy.max_entries),
            lambda row: holds(row, last, policy, self._now()),
            seconds,
        )
        if not owner:
            self._find(known, policy, fresh=True)
        return owner

    def _keep(
        self, inquiry: Inquiry, policy: CachePolicy, rows: Sequence[tuple[bytes, AnsweredRow]]
    ) -> None:
        """Keep what the version answered: here at once, in the table after the response."""
        now, model = self._now(), inquiry.deployment.model
        kept = [
            CachedRow(
                place_of(model, key, policy.max_entries), key, answered, now, now + policy.seconds
            )
            for key, answered in dict(rows).items()
        ]
        if policy.hot_kb:
            self._hot.put(model, kept, now=now, most=policy.hot_kb * _KB)
        self._table.keep(kept)

    def _tell(self, known: Known) -> None:
        now = self._now()
        ages = [now - known.found[key].at for key in known.keys if key in known.found]
        self._watch.looked(
            Figures(
                model=known.inquiry.deployment.model,
                hits=len(ages),
                misses=len(known.keys) - len(ages),
                age_s=sum(ages) / len(ages) if ages else 0.0,
            )
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _patience(inquiry: Inquiry, policy: CachePolicy) -> float:
    """How long a request may wait for another one: the model needs the rest of its time."""
    left = min(inquiry.seconds, inquiry.deployment.deadline_ms / 1000)
    return min(policy.single_flight_ms / 1000, _SHARE * left)


def _nothing() -> None:
    """Nobody waits."""
