"""A graph over the real servers of a real pair: both arrangements say what the two graphs say."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from fakes.graph_plant import VirtualCrew
from fakes.pair_models import NAMES, ROWS, halves
from fakes.pair_servers import FUNCTION, PairServers
from servery.domain.deployment import Deployment, Served, Server
from servery.domain.graph_records import GraphRecord, Pinned
from servery.domain.graphs import GraphSpec
from servery.domain.serving import Mode
from servery.usecases.graph.asking import GraphAsk, GraphAsker
from servery.usecases.graph.calling import ModelCaller

INPUTS = {name: f"request.{name}" for name in ROWS[0]}
LINE = [{"name": "said", "preprocessor": "shapes-features", "model": "shapes"}]
APART = [
    {"name": "prepared", "preprocessor": "shapes-features"},
    {"name": "said", "model": "shapes", "features": "prepared"},
]


class Arranged:
    """Deployments and calls of both halves, and the graph over them."""

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self.pair = PairServers()
        spec = msgspec.convert({"name": "g", "owner": "o", "steps": steps}, GraphSpec)
        first = Pinned(model="shapes-features", version="1", signature="s", inputs=INPUTS)
        checked = {
            "said.preprocessor": first,
            "prepared": first,
            "said": Pinned(model="shapes", version="1", signature="s"),
        }
        self.record = GraphRecord(spec=spec, revision=1, registered="", checked=checked)

    def get(self, name: str) -> Any:
        if name == "g":
            return self.record
        ref = self.pair.after if name == "shapes" else self.pair.before
        function = FUNCTION if name == "shapes" else "preprocessor:7"
        server = Server(function=function, function_version="7", code="c", mode=Mode.LOAD)
        return Deployment(model=name, revision=1, champion=Served(ref=ref, server=server))

    def forget(self, model: str) -> None:
        raise AssertionError(f"the record of {model} was right")

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        half = self.pair.predictor if server.function == FUNCTION else self.pair.preprocessor
        return msgspec.json.encode(half.handle(msgspec.json.decode(payload)))

    def ask(self) -> Any:
        crew = VirtualCrew()
        asker = GraphAsker(self, ModelCaller(self, self, crew.now), self, lambda: crew)
        asked = GraphAsk(records=ROWS, id=None, steps=False, request_id="r", seconds=20)
        return asker.ask(asker.find("g"), asked)


@pytest.mark.parametrize("steps", [LINE, APART], ids=["line", "apart"])
def test_every_bit_is_that_of_the_graphs_themselves_when_asked(steps):
    outcome = Arranged(steps).ask()
    assert outcome.error is None
    rows = outcome.answer.predictions
    assert [row["class"] for row in rows] == halves().labels
    said = [list(row["probabilities"].values()) for row in rows]
    assert np.array_equal(np.array(said, np.float32), halves().scores)
    assert not outcome.answer.degraded


def test_features_are_those_of_the_graph_when_they_are_the_answer():
    outcome = Arranged(APART[:1]).ask()
    said = [
        [row["features"][name] for name in row["features"]] for row in outcome.answer.predictions
    ]
    assert np.array_equal(np.array(said, np.float32), halves().features)
    assert len(outcome.answer.predictions[0]["features"]) == len(NAMES)
