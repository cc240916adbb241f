"""Takes warm-ups, and tells how caches do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.policies import CachePolicy
from servery.domain.warm_ups import RUNNING_SECONDS, WarmRequest, WarmUp, as_seen
from servery.errors import ConflictError, InvalidInputError, Violation
from servery.usecases.data_cache.asked_before import Line, days_back, logged

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.ports import BatchStore, Clock, LakeTables, Registry
    from servery.ports.warming import WarmUpQueue, WarmUpStore

MOST_COUNTED = 20_000
"""Requests of the log that a hit ratio is made of."""
COUNTED_DAYS = 2
_RESERVE_SECONDS = 5.0
_LOOK_SECONDS = 8.0


class HitRatio(msgspec.Struct, frozen=True, kw_only=True):
    """How requests of the last days did, by the prediction log.

    Attributes:
        requests: Requests that went by the cache.
        hits: Of them those that it answered alone.
        partial: Of them those that it answered in part.
        misses: Of them those that the model answered.
        past: Requests that went past the cache, or came while there was none.
        ratio: `hits` of `requests`; null where there are none.
    """

    requests: int
    hits: int
    partial: int
    misses: int
    past: int
    ratio: float | None


class CacheView(msgspec.Struct, frozen=True, kw_only=True):
    """A cache, for people.

    Attributes:
        model: Whose.
        model_version: The champion.
        revision: Of the deployment.
        cache: The policy; null where there is none.
        warm_up: The last warm-up; null where there was none.
        log: How requests did today and yesterday; it is about a minute behind.
    """

    model: str
    model_version: str
    revision: int
    cache: CachePolicy | None
    warm_up: WarmUp | None
    log: HitRatio


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmDesk:
    """Answers what people ask of caches.

    Attributes:
        registry: Who answers.
        store: Warm-ups.
        queue: Who carries them out.
        batches: Batches.
        log: The prediction log.
        clock: The time.
        entropy: A few random characters, for ids.
    """

    registry: Registry
    store: WarmUpStore
    queue: WarmUpQueue
    batches: BatchStore
    log: LakeTables
    clock: Clock
    entropy: Callable[[], str]

    def start(self, model: str, asked: WarmRequest) -> WarmUp:
        """Take a warm-up.

        Raises:
            NotFoundError: there is no such model, version or batch.
            ConflictError: there is no cache, or the log has nothing to warm it from; or another
                warm-up of the model runs.
            InvalidInputError: what it says does not go together.
        """
        deployment = self.registry.deployment(model)
        policy = _cache_of(deployment)
        served = deployment.served(asked.version) if asked.version else deployment.champion
        if asked.origin == "lake" and "input" in served.unlogged:
            raise ConflictError(
                f"the prediction log keeps no inputs of {model}, since some are personal; warm its "
                f"cache with the file of a batch: servery cache warm {model} --from batch ID"
            )
        self._check_batch(model, asked)
        now = self.clock.now()
        warm_up = WarmUp(
            id=f"{now:%Y%m%dt%H%M%S}-{self.entropy()}",
            model=model,
            origin=asked.origin,
            days=asked.days if asked.origin == "lake" else 0,
            batch=asked.batch,
            version=served.ref.version,
            generation=policy.generation,
            created=now.isoformat(),
            updated=now.isoformat(),
            until=now.timestamp() + RUNNING_SECONDS,
        )
        self.store.add(warm_up, now=now.timestamp())
        self.queue.start(warm_up)
        return warm_up

    def get(self, model: str, warm_up_id: str) -> WarmUp:
        """How far a warm-up is.

        Raises:
            NotFoundError: there is none.
        """
        return as_seen(self.store.get(model, warm_up_id), self.clock.now().timestamp())

    def show(self, model: str, *, seconds: float) -> CacheView:
        """How the cache of a model does.

        Args:
            model: Name of the model.
            seconds: How long the answer is waited for; so far back goes the ratio.

        Raises:
            NotFoundError: there is no such model, or nothing of it is released.
        """
        deployment = self.registry.deployment(model)
        now = self.clock.now().timestamp()
        last = self.store.last(model)
        return CacheView(
            model=model,
            model_version=deployment.champion.ref.version,
            revision=deployment.revision,
            cache=deployment.policies.cache,
            warm_up=None if last is None else as_seen(last, now),
            log=self._ratio(model, now + min(_LOOK_SECONDS, seconds - _RESERVE_SECONDS)),
        )

    def _check_batch(self, model: str, asked: WarmRequest) -> None:
        if (asked.origin == "batch") != bool(asked.batch):
            message = "is the id of the batch, where `from` is batch, and only there"
            raise InvalidInputError("the body is not acceptable", (Violation("batch", message),))
        if asked.batch and self.batches.get(asked.batch).model != model:
            raise ConflictError(f"that batch is not of {model}")

    def _ratio(self, model: str, until: float) -> HitRatio:
        counted = dict.fromkeys(("hit", "partial", "miss", "off"), 0)
        days = days_back(self.clock.now(), COUNTED_DAYS)
        lines: enumerate[Line] = enumerate(logged(self.log, model, days), start=1)
        for number, line in lines:
            counted[line.cache if line.cache in counted else "off"] += 1
            if number >= MOST_COUNTED or self.clock.now().timestamp() > until:
                break
        requests = counted["hit"] + counted["partial"] + counted["miss"]
        return HitRatio(
            requests=requests,
            hits=counted["hit"],
            partial=counted["partial"],
            misses=counted["miss"],
            past=counted["off"],
            ratio=round(counted["hit"] / requests, 4) if requests else None,
        )


def _cache_of(deployment: Deployment) -> CachePolicy:
    if deployment.policies.cache is None:
        model = deployment.model
        raise ConflictError(
            f"the deployment of {model} has no cache; give it one: "
            f"servery deployment edit {model} --set cache.seconds=3600"
        )
    return deployment.policies.cache
