"""A model server that looks data up by itself, by the key of each record."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.entities import MemoryEntities
from fakes.tiny_models import MemoryArtifacts, add_model
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import Runtime
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.errors import UnavailableError
from servery.usecases.predictor import Pin, Shelf

KINDS = [{"name": "kind", "dtype": "string"}, {"name": "height", "dtype": "float"}]
ROWS = {"c-1": {"kind": "a", "height": -1}, "7": {"kind": "b", "height": 0.25, "more": "s3cret"}}


class Place:
    """A server with a table of customers."""

    def __init__(self, *, rows: Any = ROWS, entities: Any = None) -> None:
        artifacts = MemoryArtifacts()
        self.ref = add_model(artifacts, limits=Limits(max_rows=100, max_body_kb=50))
        shelf = Shelf(
            ModelLoader(artifacts, load_runtime, Codec).load,
            Pin("shapes", Runtime.ONNX),
            SetClock(),
        )
        self.entities = entities or MemoryEntities()
        if entities is None:
            self.entities.put_many("customer", rows)
        self.server = ModelServer(lambda: shelf, entities=lambda: self.entities)

    def ask(
        self, records: Any, keys: list[Any] | None = None, columns: Any = KINDS, **more: Any
    ) -> dict[str, Any]:
        """Ask about records; without keys nothing is looked up."""
        body = records if isinstance(records, str) else json.dumps({"records": records})
        lookup = {"entity": "customer", "columns": columns, "keys": keys}
        event = {
            "verb": "infer",
            "ref": msgspec.to_builtins(self.ref),
            "request_id": "r1",
            "body": body,
            **({} if keys is None else {"lookup": lookup}),
            **more,
        }
        answer: dict[str, Any] = self.server.handle(json.loads(json.dumps(event)))
        return answer


@pytest.fixture(scope="module")
def place() -> Place:
    return Place()


def test_answers_are_as_if_the_request_had_brought_the_data_when_they_are_looked_up(
    place: Place,
) -> None:
    whole = [{"width": 0.5, "kind": "a", "height": -1}, {"width": 2, "kind": "b", "height": 0.25}]

    answer = place.ask([{"width": 0.5}, {"width": 2}], ["c-1", "7"])

    assert answer["status"] == 200
    assert json.loads(answer["body"]) == json.loads(place.ask(whole)["body"])


def test_data_of_the_request_win_when_it_brings_some(place: Place) -> None:
    answer = place.ask([{"width": 0.5, "height": 3}], ["c-1"])

    whole = [{"width": 0.5, "kind": "a", "height": 3}]
    assert json.loads(answer["body"]) == json.loads(place.ask(whole)["body"])


def test_column_is_left_out_when_the_model_does_not_take_it(place: Place) -> None:
    columns = [*KINDS, {"name": "more", "dtype": "string"}]

    assert place.ask([{"width": 0.5}], ["7"], columns)["status"] == 200


def test_each_record_is_named_when_there_are_no_data_of_its_key(place: Place) -> None:
    answer = place.ask([{"width": 0.5}] * 4, ["c-1", "s3cret", "7", ""])

    document = json.loads(answer["body"])
    assert answer["status"] == 422
    assert document["errors"] == [
        {"field": "lookup[1]", "message": "there are no data of this customer"},
        {"field": "lookup[3]", "message": "there are no data of this customer"},
    ]
    assert "s3cret" not in answer["body"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"kind": "a"}, "lack height"),
        ({"kind": 5, "height": 1}, "kind of the customer is not text"),
        ({"kind": "s3cret", "height": 1}, "kind of the customer does not fit the model"),
    ],
)
def test_store_is_to_blame_when_the_data_do_not_fit(data: dict[str, Any], says: str) -> None:
    place = Place(rows={"c-1": data})

    answer = place.ask([{"width": 0.5}], ["c-1"])

    assert answer["status"] == 502
    assert says in answer["reason"]
    assert json.loads(answer["body"])["hop"] == "lookup"
    assert "s3cret" not in answer["body"]


def test_caller_is_to_blame_when_its_own_values_do_not_fit(place: Place) -> None:
    answer = place.ask([{"width": "wide"}], ["c-1"])

    assert answer["status"] == 422
    assert [e["field"] for e in json.loads(answer["body"])["errors"]] == ["records[0].width"]
    own = place.ask([{"width": 1, "kind": "other"}], ["c-1"])
    assert own["status"] == 422


def test_it_may_come_again_when_the_store_is_down() -> None:
    class Down:
        def get_many(self, entity: str, keys: Any) -> Any:
            raise UnavailableError("looking up entities got no answer")

    answer = Place(entities=Down()).ask([{"width": 0.5}], ["c-1"])

    assert answer["status"] == 503
    assert "looking up" in answer["reason"]


@pytest.mark.parametrize(
    ("records", "keys"),
    [
        ([{"width": 1}], []),
        ([{"width": 1}], ["c-1", "7"]),
        ("{", ["c-1"]),
        ("[]", ["c-1"]),
        ('{"inputs": []}', ["c-1"]),
        ('{"records": [1]}', ["c-1"]),
        ("[" * 9000, ["c-1"]),
    ],
)
def test_event_is_refused_when_keys_and_records_do_not_go_together(
    place: Place, records: Any, keys: list[str]
) -> None:
    assert place.ask(records, keys)["status"] == 400


def test_nothing_is_looked_up_when_a_server_has_no_table(place: Place) -> None:
    place = Place()
    place.server = ModelServer(place.server._shelf)

    assert place.ask([{"width": 1}], ["c-1"])["status"] == 400


def test_keys_are_asked_for_once_when_records_share_them() -> None:
    asked = []

    class Counting(MemoryEntities):
        def get_many(self, entity: str, keys: Any) -> Any:
            asked.append(sorted(keys))
            return super().get_many(entity, keys)

    entities = Counting()
    entities.put_many("customer", ROWS)
    assert Place(entities=entities).ask([{"width": 1}] * 3, ["7", "c-1", "7"])["status"] == 200
    assert asked == [["7", "c-1"]]
