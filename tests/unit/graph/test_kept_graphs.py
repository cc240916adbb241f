"""Graphs at hand: fresh within seconds, stale rather than absent."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.graph_plant import Plant, values
from servery.adapters.kept_graphs import KeptGraphs
from servery.errors import NotFoundError, UnavailableError


class Store:
    def __init__(self, record):
        self.record, self.reads, self.error = record, 0, None

    def get(self, name):
        self.reads += 1
        if self.error:
            raise self.error
        return self.record


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def store():
    plant = Plant()
    plant.model("m", values(lambda row: 1.0))
    return Store(plant.graph({"steps": [{"name": "one", "model": "m"}]}, {}, "x:float"))


def test_read_once_in_two_seconds_when_it_is_asked_often(store, clock):
    kept = KeptGraphs(store, clock)
    for _ in range(3):
        assert kept.get("g") is store.record
    assert store.reads == 1
    clock.advance(2)
    kept.get("g")
    assert store.reads == 2


def test_last_one_is_at_hand_for_a_minute_when_the_store_is_away(store, clock):
    kept = KeptGraphs(store, clock)
    kept.get("g")
    store.error = UnavailableError("away")
    clock.advance(59)
    assert kept.get("g") is store.record
    clock.advance(2)
    with pytest.raises(UnavailableError):
        kept.get("g")


def test_404_is_remembered_too_when_there_is_no_such_graph(store, clock):
    store.error = NotFoundError("no")
    kept = KeptGraphs(store, clock)
    for _ in range(2):
        with pytest.raises(NotFoundError):
            kept.get("g")
    assert store.reads == 1
    with pytest.raises(NotFoundError):
        kept.get("No Name")
    assert store.reads == 1
