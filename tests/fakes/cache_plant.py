"""A gateway with a cache: real codecs behind it as model servers, and a table in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
import numpy as np
from fakes.clock import SetClock
from fakes.deployed import deploy
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.records import VERSION
from fakes.registry import MemoryRegistry
from msgspec.structs import replace
from servery.adapters.kept_manifests import KeptManifests
from servery.domain.cached_rows import CachedRow
from servery.domain.deployment import Deployment
from servery.domain.digest import digest_bytes
from servery.domain.inference import AnswerContext, Prediction, Question
from servery.domain.manifest import read_manifest
from servery.domain.policies import CachePolicy, Policies, RoutingPolicy
from servery.domain.serving import Limits
from servery.domain.signature import Signature, Task
from servery.edge.inference import Codec
from servery.edge.problem import problem, status_of
from servery.errors import RejectedError
from servery.ports import Clock
from servery.ports.data_cache import Flight, RowTable
from servery.usecases.data_cache import CachedModels, Figures, Flights, Predictions, Watch
from servery.usecases.gateway import Ask, Gateway
from servery.usecases.gateway.guards import Guards


@dataclass
class MemoryRows:
    """The table; what is written is there once it is flushed.

    Attributes:
        rows: Row by place.
        flights: Holder and end of each flight.
        down: Whether it answers nobody.
        reads: How many places each read asked for.
    """

    rows: dict[str, CachedRow] = field(default_factory=dict)
    flights: dict[str, tuple[str, float]] = field(default_factory=dict)
    pending: list[Callable[[], None]] = field(default_factory=list)
    down: bool = False
    reads: list[int] = field(default_factory=list)

    @property
    def away(self) -> bool:
        return self.down

    def read(self, places: Collection[str], *, fresh: bool = False) -> dict[str, CachedRow] | None:
        if self.down:
            return None
        self.reads.append(len(places))
        return {place: self.rows[place] for place in places if place in self.rows}

    def keep(self, rows: Sequence[CachedRow]) -> None:
        if not self.down:
            self.pending.append(lambda: self.rows.update({row.place: row for row in rows}))

    def take_off(self, flight: str, owner: str, *, now: float, until: float) -> bool | None:
        if self.down:
            return None
        held = self.flights.get(flight)
        if held is not None and held[1] > now and held[0] != owner:
            return False
        self.flights[flight] = (owner, until)
        return True

    def watch(self, flight: str, place: str, *, now: float) -> Flight | None:
        if self.down:
            return None
        held = self.flights.get(flight)
        return Flight(self.rows.get(place), held is not None and held[1] > now)

    def land(self, flight: str, owner: str) -> None:
        def end() -> None:
            if self.flights.get(flight, ("",))[0] == owner:
                del self.flights[flight]

        self.pending.append(end)

    def flush(self) -> None:
        """Do what is done after the response."""
        for write in self.pending:
            write()
        self.pending.clear()


def predict(signature: Signature, question: Question, *, wide: bool = False) -> Prediction:
    """What the models of a plant say: numbers that every input has a say in."""
    numbers = np.zeros(question.rows)
    if question.numeric is not None:
        weights = np.arange(1, question.numeric.shape[1] + 1)
        numbers = numbers + np.nan_to_num(question.numeric.astype(np.float64), nan=-7.0) @ weights
    if question.text is not None:
        numbers = numbers + [sum(map(len, row)) for row in question.text]
    kind = np.float64 if wide else np.float32
    if signature.task is Task.REGRESSION:
        return Prediction((numbers / 3).astype(kind), None)
    if signature.task is Task.PREPROCESSING:
        width = len(signature.output.features or [])
        return Prediction(np.outer(numbers, np.arange(1, width + 1)).astype(np.float32), None)
    classes = signature.output.classes or []
    scores = np.stack([np.abs(np.sin(numbers + i)) for i in range(len(classes))], axis=1)
    labels = np.array(classes, object)[scores.argmax(axis=1)]
    return Prediction(labels, scores.astype(kind) if signature.output.probabilities else None)


class CachePlant:
    """One model behind gateways that share a table.

    Attributes:
        table: The table.
        servers: The model servers; `rows` counts what they were asked for.
        clock: The time of all of them.
        figures: What the caches told.
        failures: What they failed of.
        stand_in: The version that answers in place of any other one; empty for none.
        unfit: A number in the first column that the model has no finite answer for.
    """

    def __init__(
        self,
        signature: Signature,
        policy: CachePolicy | None,
        *,
        limits: Limits | None = None,
        wide: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.signature = signature
        self.wide = wide
        self.table = MemoryRows()
        self.clock: Any = clock or SetClock()
        self.registry = MemoryRegistry()
        self.objects = MemoryObjectStore()
        self.servers = FakeModelServers(answer=self._answer)
        self.figures: list[Figures] = []
        self.failures: list[Exception] = []
        self.rows: list[int] = []
        self.stand_in = ""
        self.unfit: float | None = None
        self.limits = limits or Limits()
        self._codec = Codec(signature, self.limits)
        self._numbers = count(1)
        self.release(VERSION)
        self.set_policy(policy)

    def release(self, version: str) -> Deployment:
        """Make a version the champion."""
        before = self._before()
        deploy(self.registry, self.objects, "iris", self.signature, version=version)
        after = self.registry.deployment("iris")
        path = f"{after.champion.ref.prefix}/manifest.json"
        manifest = replace(
            read_manifest(self.objects.get(path), after.champion.ref), limits=self.limits
        )
        content = msgspec.json.encode(manifest)
        self.objects.put(path, content)
        digests = {"digest": f"{version:x<64}"[:64], "manifest_digest": digest_bytes(content)}
        served = replace(after.champion, ref=replace(after.champion.ref, **digests))
        policies = before.policies if before else after.policies
        self._put(replace(after, champion=served, policies=policies))
        return self.registry.deployment("iris")

    def switch_off(self) -> None:
        """Have nobody ask the model."""
        now = self.registry.deployment("iris")
        routing = RoutingPolicy(active=False)
        self._put(replace(now, policies=replace(now.policies, routing=routing)))

    def set_policy(self, policy: CachePolicy | None) -> None:
        """Change the policy of the cache."""
        now = self.registry.deployment("iris")
        self._put(replace(now, policies=Policies(cache=policy)))

    def gateway(
        self, wait: Callable[[float], None] | None = None, table: RowTable | None = None
    ) -> Gateway:
        """A gateway of another process; it may have a table that is none of the plant's."""
        cache = self.cache(wait, table)
        return Gateway(self, self.servers, self.clock, Guards(cache=lambda: cache))

    def cache(
        self, wait: Callable[[float], None] | None = None, table: RowTable | None = None
    ) -> Predictions:
        """The cache of another process."""
        table = table or self.table
        flights = Flights(
            table, self.clock, wait or self._pass, lambda: f"owner-{next(self._numbers)}"
        )
        watch = Watch(
            looked=self.figures.append, failed=lambda error, _: self.failures.append(error)
        )
        models = CachedModels(KeptManifests(self.objects))
        return Predictions(models, table, flights, self.clock, watch)

    def ask(self, gateway: Gateway, document: Any, *, flush: bool = True) -> tuple[int, str, str]:
        """Status, body and what the cache did."""
        body = document if isinstance(document, str) else json.dumps(document)
        ask = Ask(body, False, len(body.encode()), f"request-{next(self._numbers)}", 10.0)
        prediction = gateway.infer(gateway.route("iris", None, ask), ask)
        if flush:
            self.table.flush()
        return prediction.status, prediction.body, prediction.cache

    # Deployments

    def get(self, model: str) -> Deployment:
        return self.registry.deployment(model)

    def forget(self, model: str) -> None:
        pass

    def probe(self) -> None:
        pass

    def _before(self) -> Deployment | None:
        try:
            return self.registry.deployment("iris")
        except Exception:
            return None

    def _put(self, deployment: Deployment) -> None:
        self.registry.put_deployment(replace(deployment, revision=deployment.revision + 1))

    def _pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _answer(self, event: dict[str, Any]) -> dict[str, Any]:
        version = self.stand_in or event["ref"]["version"]
        try:
            question = self._codec.decode(event["body"].encode())
        except RejectedError as error:
            return _refused(error, event)
        self.rows.append(question.rows)
        context = AnswerContext(
            model="iris",
            model_version=version,
            request_id=event["request_id"],
            served_by=event["route"],
            cache=event["cache"],
            degraded=bool(self.stand_in),
        )
        prediction = predict(self.signature, question, wide=self.wide)
        if self.unfit is not None and prediction.probabilities is not None:
            prediction.probabilities[question.numeric[:, 0] == self.unfit] = np.nan
        try:
            body = self._codec.encode(question, prediction, context).decode()
        except RejectedError as error:
            return _refused(error, event)
        return {
            "status": 200,
            "body": body,
            "model_version": version,
            "rows": question.rows,
            "model_ms": 1.0,
            "degraded": bool(self.stand_in),
        }


def _refused(error: Exception, event: dict[str, Any]) -> dict[str, Any]:
    document = problem(error, request_id=event["request_id"])
    return {"status": status_of(error), "body": json.dumps(document)}


def unmarked(body: str) -> str:
    """An answer to the byte, but for the request and what the cache did."""
    document = msgspec.json.decode(body)
    said = document.get("parameters", document)
    for name in ("request_id", "cache"):
        body = body.replace(f'"{name}":{json.dumps(said[name])}', f'"{name}":""', 1)
    return body
