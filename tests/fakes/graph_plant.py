"""Everything that asking a graph needs, in memory: models that answer as a test says, and time.

The time is virtual: a fake model takes as long as it is told, and nobody sleeps.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.clock import SetClock
from fakes.prediction_log import MemoryPredictionLog
from fakes.records import VERSION, a_ref
from msgspec.structs import replace
from servery.domain.deployment import Deployment, Served, Server
from servery.domain.entities import EntityColumn
from servery.domain.graph_records import GraphRecord, Pinned
from servery.domain.graphs import GraphSpec
from servery.domain.manifest import Part as Half
from servery.domain.named_aggregators import NamedAggregator
from servery.domain.serving import Mode
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.graph.asking import GraphInferApi
from servery.edge.telemetry import Telemetry
from servery.errors import DeadlineExceededError, NotFoundError, UnavailableError
from servery.ports.crew import Done
from servery.usecases.graph.asking import GraphAsker
from servery.usecases.graph.calling import ModelCaller
from servery.usecases.graph.parts import askings
from servery.usecases.monitoring import Recorder

PAIR = "a" * 32
Answer = Callable[[list[dict[str, Any]]], Any]


class VirtualCrew:
    """Does a job at once, and says that it is over when its time has passed.

    Attributes:
        spent: What the job that is being done takes, in seconds; whoever is called adds to it.
        most: The most jobs that were done at the same time.
    """

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.spent = 0.0
        self.most = 0
        self._over: list[tuple[float, int, Done]] = []
        self._dropped: set[str] = set()
        self._count = 0

    def now(self) -> float:
        return self.seconds + self.spent

    def start(self, ticket: str, job: Callable[[], Any]) -> None:
        self.spent = 0.0
        try:
            done = Done(ticket, result=job())
        except Exception as error:
            done = Done(ticket, error=error)
        self._count += 1
        heapq.heappush(self._over, (self.seconds + self.spent, self._count, done))
        self.spent = 0.0
        self.most = max(self.most, len(self._over))

    def next(self, until: float) -> Done | None:
        while self._over and self._over[0][0] <= until:
            at, _, done = heapq.heappop(self._over)
            if done.ticket in self._dropped:
                continue
            self.seconds = max(self.seconds, at)
            return done
        self.seconds = max(self.seconds, until)
        return None

    def drop(self, ticket: str) -> None:
        self._dropped.add(ticket)


@dataclass
class Model:
    """A fake model.

    Attributes:
        answer: From its rows to its predictions; what it raises is raised by the call; bytes
            are what the server answers; a dict is the server's whole reply.
        seconds: How long it takes.
    """

    answer: Answer
    seconds: float = 0.05
    degraded: bool = False
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


class Plant:
    """Deployments, model servers, graphs and entities in one."""

    def __init__(self) -> None:
        self.crew = VirtualCrew()
        self.models: dict[str, Model] = {}
        self.deployments: dict[str, Deployment] = {}
        self.fresh: dict[str, Deployment] = {}
        self.records: dict[str, GraphRecord] = {}
        self.data: dict[str, dict[str, dict[str, Any]]] = {}
        self.data_seconds = 0.002
        self.gone: set[str] = set()
        self.log = MemoryPredictionLog()
        self.timeouts: dict[str, list[float]] = {}
        self.named: dict[str, NamedAggregator] = {}

    # --- setting up

    def model(self, name: str, answer: Answer, seconds: float = 0.05, **changes: Any) -> Model:
        self.models[name] = Model(answer, seconds, **changes)
        self.deployments[name] = deployment_of(name)
        return self.models[name]

    def pair(
        self, preprocessor: str, predictor: str, prepare: Answer, predict: Answer, pair: str = PAIR
    ) -> tuple[Model, Model]:
        """Two halves; `prepare` answers the features of each row, `predict` takes those."""
        first = self.model(preprocessor, lambda rows: [{"features": f} for f in prepare(rows)])
        second = self.model(predictor, predict)
        self.deployments[preprocessor] = half_of(preprocessor, Half.PREPROCESSOR, pair)
        self.deployments[predictor] = half_of(predictor, Half.PREDICTOR, pair)
        return first, second

    def graph(
        self, declared: dict[str, Any], inputs: dict[str, dict[str, str]], request: str
    ) -> GraphRecord:
        """Register a graph; `inputs` by step or member, `request` as `a:float b:string`."""
        spec = msgspec.convert({"name": "g", "owner": "tests", **declared}, GraphSpec)
        checked = {}
        for asking in askings(spec):
            known = inputs.get(asking.name, {"x": "request.x"})
            sent = {} if asking.half is Half.PREDICTOR else known
            checked[asking.name] = Pinned(
                model=asking.model,
                version=VERSION,
                signature="s" * 64,
                inputs=sent,
                numbers=[name for name in sent if not name.startswith("t_")],
            )
        columns = [
            EntityColumn(name=name, dtype=dtype.rstrip("?"), nullable=dtype.endswith("?"))
            for name, _, dtype in (pair.partition(":") for pair in request.split())
        ]
        columns = msgspec.convert(msgspec.to_builtins(columns), list[EntityColumn])
        record = GraphRecord(
            spec=spec, revision=3, registered="2026-03-01", checked=checked, request=columns
        )
        self.records[spec.name] = record
        return record

    # --- the ports

    def get_graph(self, name: str) -> GraphRecord:
        if name not in self.records:
            raise NotFoundError("there is no such graph")
        return self.records[name]

    def get(self, model: str) -> Deployment:
        if model not in self.deployments:
            raise NotFoundError("there is no such model")
        return self.deployments[model]

    def forget(self, model: str) -> None:
        if model in self.fresh:
            self.deployments[model] = self.fresh[model]

    def probe(self) -> None:
        pass

    def get_many(self, entity: str, keys: set[str]) -> dict[str, dict[str, Any]]:
        self.crew.spent += self.data_seconds
        known = self.data.get(entity, {})
        return {key: known[key] for key in keys if key in known}

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        event = msgspec.json.decode(payload)
        name = event["ref"]["model"]
        model = self.models[name]
        self.timeouts.setdefault(name, []).append(timeout)
        if server.function in self.gone:
            raise UnavailableError("the model server is not there")
        model.events.append(event)
        rows = msgspec.json.decode(event["body"])["records"]
        model.asked.append(rows)
        if model.seconds > timeout:
            self.crew.spent += timeout
            raise DeadlineExceededError("model server", timeout)
        self.crew.spent += model.seconds
        told = model.answer(rows)
        if isinstance(told, Exception):
            raise told
        if isinstance(told, bytes):
            return told
        if isinstance(told, dict):
            return msgspec.json.encode(told)
        if event["verb"] == "hand_on":
            return self._hand_on(event, [row["features"] for row in told])
        return msgspec.json.encode(
            {
                "status": 200,
                "body": msgspec.json.encode({"predictions": told}).decode(),
                "model_version": event["ref"]["version"],
                "model_ms": 1.0,
                "degraded": model.degraded,
                **({"pair": event["ref"]["pair"]} if event["ref"]["pair"] else {}),
            }
        )

    def _hand_on(self, event: dict[str, Any], features: list[dict[str, Any]]) -> bytes:
        """As the preprocessor's server does: the predictor's reply, and who made the features."""
        ref, then = event["ref"], event["then"]
        body = msgspec.json.encode({"records": features}).decode()
        ask = {"verb": "infer", "ref": then["ref"], "pair": ref["pair"], "body": body}
        server = Server(function=then["function"], function_version="", code="", mode=Mode.LOAD)
        own = {"pair": ref["pair"], "preprocessor_version": ref["version"], "preprocess_ms": 2.0}
        left = event["seconds"] - self.models[ref["model"]].seconds
        try:
            reply = self.call(server, msgspec.json.encode(ask), timeout=left)
        except DeadlineExceededError:
            reply = msgspec.json.encode({"status": 504})
        answer = msgspec.json.decode(reply)
        hop = "" if answer["status"] == 200 else "predictor"
        return msgspec.json.encode({**answer, **own, "hop": hop})

    # --- asking

    def asker(self) -> GraphAsker:
        caller = ModelCaller(self, self, self.crew.now)
        return GraphAsker(_Graphs(self), caller, self, lambda: self.crew, self.named)

    def api(self) -> Api:
        routes = GraphInferApi(self.asker(), Recorder(self.log, SetClock()))
        return Api("graph", routes.calls(), cors=Cors(""), telemetry=Telemetry("graph"))

    def send(self, body: Any, query: dict[str, str] | None = None, graph: str = "g", **headers):
        event = {
            "httpMethod": "POST",
            "path": f"/v2/graphs/{graph}/infer",
            "queryStringParameters": query,
            "headers": {"x-request-id": "r-1", **headers},
            "body": body if isinstance(body, str) else msgspec.json.encode(body).decode(),
        }
        response = self.api().serve(event)
        return response["statusCode"], msgspec.json.decode(response["body"]), response["headers"]

    def ask(self, *records: dict[str, Any], steps: bool = False):
        query = {"steps": "true"} if steps else None
        return self.send({"records": list(records)}, query)[:2]


class _Graphs:
    def __init__(self, plant: Plant) -> None:
        self.get = plant.get_graph


def deployment_of(model: str, function: str = "", **changes: Any) -> Deployment:
    server = Server(
        function=function or f"predictor:{model}", function_version="1", code="c", mode=Mode.LOAD
    )
    served = Served(ref=a_ref(model=model), server=server)
    return replace(Deployment(model=model, revision=1, champion=served), **changes)


def half_of(
    model: str, part: Half, pair: str, *, version: str = VERSION, last: str = ""
) -> Deployment:
    """A half of a pair; with `last`, the half of another one as the last good version."""
    whole = deployment_of(model)

    def served(version: str, pair: str) -> Served:
        ref = a_ref(version, model=model, part=part, pair=pair)
        return Served(ref=ref, server=replace(whole.champion.server, function=f"{part}:{pair}"))

    older = served("0.0.9-dabc1234.sdef5678", last) if last else None
    return replace(whole, champion=served(version, pair), last_good=older)


def classes(*answers: str, **scores: float) -> Answer:
    """A classifier that answers the same classes for its rows, whatever they are."""

    def answer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "class": answers[index % len(answers)],
                **({"probabilities": dict(scores)} if scores else {}),
                "model_version": VERSION,
            }
            for index in range(len(rows))
        ]

    return answer


def values(compute: Callable[[dict[str, Any]], float]) -> Answer:
    """A regression."""

    def answer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"value": compute(row), "unit": "1", "model_version": VERSION} for row in rows]

    return answer


def states(body: dict[str, Any]) -> dict[str, str]:
    return {report["name"]: report["state"] for report in body["steps"]}
