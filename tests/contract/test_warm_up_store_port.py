"""What the port of warm-ups promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.dynamodb_server import TABLES
from fakes.warm_plant import MemoryWarmUps
from msgspec.structs import replace
from servery.adapters.dynamodb_warm_ups import DynamoDbWarmUps
from servery.domain.warm_ups import Coverage, WarmUp, WarmUpState
from servery.errors import ConflictError, NotFoundError
from servery.ports.warming import WarmUpStore

FIRST = WarmUp(
    id="a", model="iris", origin="lake", days=7, version="1", created="c", updated="u", until=900.0
)


@pytest.fixture(params=["memory", *TABLES])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemoryWarmUps()
        return
    with TABLES[request.param](monkeypatch, "CacheTable", "cache") as client:
        yield DynamoDbWarmUps(client, "cache")


def test_it_comes_back_as_it_was_when_it_is_kept(store):
    port: WarmUpStore = store
    port.add(FIRST, now=0.0)

    assert port.get("iris", "a") == FIRST
    assert port.last("iris") == FIRST
    assert port.last("wine") is None


def test_last_one_is_as_far_as_it_is_when_it_goes_on(store):
    store.add(FIRST, now=0.0)
    further = replace(FIRST, state=WarmUpState.DONE, coverage=Coverage(rows=0.5, asked=0.75))
    store.put(further)

    assert store.get("iris", "a") == store.last("iris") == further


def test_second_one_is_refused_when_one_runs(store):
    store.add(FIRST, now=0.0)

    with pytest.raises(ConflictError):
        store.add(replace(FIRST, id="b"), now=899.0)
    store.add(replace(FIRST, id="b", model="wine"), now=1.0)
    assert store.last("iris").id == "a"


@pytest.mark.parametrize("ended", [True, False])
def test_second_one_is_taken_when_the_first_ended_or_broke_off(store, ended):
    store.add(FIRST, now=0.0)
    if ended:
        store.put(replace(FIRST, state=WarmUpState.FAILED))
    store.add(replace(FIRST, id="b"), now=1.0 if ended else 900.5)

    assert store.last("iris").id == "b"


def test_late_word_changes_no_other_when_another_one_is_newer(store):
    store.add(FIRST, now=0.0)
    store.add(replace(FIRST, id="b"), now=901.0)

    store.put(replace(FIRST, state=WarmUpState.DONE))

    assert store.last("iris").id == "b"
    assert store.get("iris", "a").state is WarmUpState.DONE


@pytest.mark.parametrize("warm_up", ["b", "", "x" * 3000])
def test_there_is_none_when_nobody_kept_it(store, warm_up):
    store.add(FIRST, now=0.0)

    with pytest.raises(NotFoundError):
        store.get("iris", warm_up)
