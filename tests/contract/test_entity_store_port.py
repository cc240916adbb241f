"""What the port of entities promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.entities import MemoryEntities
from fakes.entity_server import entity_table, of_client
from fakes.moto_aws import moto_table
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN
from servery.adapters.dynamodb_entities import MOST_WRITTEN, DynamoDbEntities
from servery.adapters.entity_items import MOST_READ
from servery.adapters.lean_entities import LeanEntities
from servery.adapters.sigv4 import Credentials
from servery.ports import EntityStore

CUSTOMER = {"age": 41, "balance": 12.5, "married": True, "job": "náutico", "since": None}


@pytest.fixture
def clock():
    return SetClock()


class LeanlyRead(DynamoDbEntities):
    """Written as ever, and read as a model server reads."""

    def __init__(self, client, clock, endpoint):
        super().__init__(client, "features", clock)
        self.lean = LeanEntities(
            table="features",
            region=REGION,
            credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY, TOKEN),
            clock=clock,
            endpoint=endpoint,
        )

    def get_many(self, entity, keys):
        return self.lean.get_many(entity, keys)

    def add(self, entity, key, data, *, seconds):
        self.lean.add(entity, key, data, seconds=seconds)


@pytest.fixture(params=["memory", "dynamodb", "lean"])
def store(request, monkeypatch, clock):
    if request.param == "memory":
        yield MemoryEntities(clock)
        return
    with moto_table(monkeypatch, "FeaturesTable", "features") as client:
        if request.param == "dynamodb":
            yield DynamoDbEntities(client, "features", clock)
            return
        with entity_table(of_client(client)) as (address, _):
            yield LeanlyRead(client, clock, address)


def test_it_fits_the_port(store):
    port: EntityStore = store
    assert port.get_many("customer", []) == {}


def test_data_come_back_as_they_were_when_they_are_kept(store):
    store.put("customer", "c-1", CUSTOMER)

    found = store.get_many("customer", ["c-1"])

    assert found == {"c-1": CUSTOMER}
    assert isinstance(found["c-1"]["age"], int)
    assert found["c-1"]["married"] is True


def test_data_are_replaced_whole_when_they_are_kept_again(store):
    store.put("customer", "c-1", CUSTOMER)
    store.put("customer", "c-1", {"age": 42})

    assert store.get_many("customer", ["c-1"]) == {"c-1": {"age": 42}}


def test_absent_keys_are_left_out_when_several_are_asked_for(store):
    store.put("customer", "c-1", {"age": 1})

    assert store.get_many("customer", ["c-0", "c-1", "", "x" * 3000, "\ud800"]) == {
        "c-1": {"age": 1}
    }


def test_kinds_are_apart_when_keys_are_the_same(store):
    store.put("customer", "1", {"age": 1})
    store.put("shop", "1", {"size": 2})
    # A key may hold what separates the parts of a place.
    store.put("customer", "shop#1", {"age": 3})

    assert store.get_many("shop", ["1"]) == {"1": {"size": 2}}
    assert store.get_many("customer", ["1", "shop#1"]) == {"1": {"age": 1}, "shop#1": {"age": 3}}


def test_everything_is_found_when_it_does_not_fit_one_call(store):
    rows = {f"c-{n}": {"n": n} for n in range(2 * MOST_READ + MOST_WRITTEN + 1)}

    store.put_many("customer", rows)

    assert store.get_many("customer", list(rows)) == rows


def test_key_is_read_once_when_it_is_asked_for_twice(store):
    store.put("customer", "c-1", {"age": 1})

    assert store.get_many("customer", ["c-1", "c-1"]) == {"c-1": {"age": 1}}


def test_data_are_gone_when_their_time_is_up(store, clock):
    store.put("customer", "c-1", {"age": 1}, seconds=60)
    store.put_many("customer", {"c-2": {"age": 2}, "c-3": {"age": 3}}, seconds=120)

    clock.advance(59)
    assert set(store.get_many("customer", ["c-1", "c-2", "c-3"])) == {"c-1", "c-2", "c-3"}
    clock.advance(2)
    assert set(store.get_many("customer", ["c-1", "c-2", "c-3"])) == {"c-2", "c-3"}
    clock.advance(60)
    assert store.get_many("customer", ["c-1", "c-2", "c-3"]) == {}


def test_data_stay_when_they_are_kept_again_without_an_end(store, clock):
    store.put("customer", "c-1", {"age": 1}, seconds=60)
    store.put("customer", "c-1", {"age": 2})

    clock.advance(10**8)

    assert store.get_many("customer", ["c-1"]) == {"c-1": {"age": 2}}


def test_data_stay_as_they_are_when_others_are_added(store, clock):
    store.put("customer", "c-1", {"age": 1})
    store.put("customer", "c-2", {"age": 2}, seconds=60)
    for key in ("c-1", "c-2", "c-3"):
        store.add("customer", key, {"age": 9}, seconds=600)

    found = store.get_many("customer", ["c-1", "c-2", "c-3"])
    assert found == {"c-1": {"age": 1}, "c-2": {"age": 2}, "c-3": {"age": 9}}
    clock.advance(61)
    store.add("customer", "c-2", {"age": 9}, seconds=600)
    assert store.get_many("customer", ["c-2"]) == {"c-2": {"age": 9}}
    clock.advance(601)
    assert store.get_many("customer", ["c-2", "c-3"]) == {}


def test_entity_is_forgotten_when_it_is_removed(store):
    store.put_many("customer", {"c-1": {"age": 1}, "c-2": {"age": 2}})

    store.remove("customer", "c-1")
    store.remove("customer", "c-1")
    store.remove("customer", "")

    assert store.get_many("customer", ["c-1", "c-2"]) == {"c-2": {"age": 2}}
