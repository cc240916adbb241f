"""The servers of both halves of a pair in one process, asked through JSON as Lambda does."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers
from fakes.pair_models import add_pair
from fakes.tiny_models import MemoryArtifacts
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import ModelRef, Runtime
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.ports import EntityReader
from servery.usecases.predictor import Pin, Shelf
from servery.usecases.preprocessor import HandOn

FUNCTION = "predictor:7"


class Ticks:
    """A clock of seconds that goes on when it is looked at, and when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.step = 0.001

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


class PairServers:
    """Both servers.

    Attributes:
        artifacts: What they load from.
        before, after: The references of the preprocessor and the predictor.
        servers: How the preprocessor reaches predictors; by default the real one of this pair.
        ticks: The clock that the preprocessor's deadlines go by.
    """

    def __init__(self, entities: EntityReader | None = None, **limits: int) -> None:
        self.artifacts = MemoryArtifacts()
        self.before, self.after = add_pair(self.artifacts, **limits)
        self.ticks = Ticks()
        reader = None if entities is None else (lambda: entities)
        self.predictor = ModelServer(self._shelf("shapes"), entities=reader)
        self.servers = FakeModelServers(answer=self.predictor.handle)
        hand_on = HandOn(self.servers, self.ticks)
        self.preprocessor = ModelServer(
            self._shelf("shapes-features"), hand_on=lambda: hand_on, service="preprocessor"
        )

    def _shelf(self, model: str) -> Any:
        loader = ModelLoader(self.artifacts, load_runtime, Codec)
        shelf = Shelf(loader.load, Pin(model, Runtime.ONNX), SetClock())
        return lambda: shelf

    def ask(self, verb: str, ref: ModelRef, body: Any = "", **more: Any) -> dict[str, Any]:
        """Ask the server that a reference is for."""
        server = self.predictor if ref.model == "shapes" else self.preprocessor
        text = body if isinstance(body, str) else json.dumps(body)
        event = {"verb": verb, "ref": msgspec.to_builtins(ref), "request_id": "r1", "body": text}
        answer = server.handle(json.loads(json.dumps({**event, **more})))
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]

    def hand_on(self, body: Any, **more: Any) -> dict[str, Any]:
        """Ask the preprocessor to ask the predictor."""
        then = {"function": FUNCTION, "ref": msgspec.to_builtins(self.after)}
        return self.ask("hand_on", self.before, body, **{"then": then, "seconds": 2.0, **more})
