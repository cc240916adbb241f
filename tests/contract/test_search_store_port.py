"""What the port of searches promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.dynamodb_server import TABLES
from fakes.searches import MemorySearches
from msgspec.structs import replace
from servery.adapters.dynamodb_searches import DynamoDbSearches
from servery.domain.search_records import SearchRecord, SearchState, Trial, TrialState
from servery.domain.search_spec import Algorithm
from servery.errors import ConflictError, NotFoundError
from servery.ports import SearchStore

FIRST = SearchRecord(
    id="iris-1",
    model="iris",
    algorithm=Algorithm.TPE,
    metric="accuracy",
    higher_is_better=True,
    seed=0,
    folds=5,
    at_once=2,
    most=8,
    candidates=1,
    created="c",
)
TRIAL = Trial(
    number=0, round=1, candidate=0, class_path="a.B", state=TrialState.DONE, scores=[1.0], mean=1.0
)


@pytest.fixture(params=["memory", *TABLES])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemorySearches()
        return
    with TABLES[request.param](monkeypatch, "RegistryTable", "registry") as client:
        yield DynamoDbSearches(client, "registry")


def test_it_comes_back_as_it_was_when_it_is_kept(store):
    port: SearchStore = store
    port.add(FIRST)

    assert port.search("iris", "iris-1") == FIRST
    with pytest.raises(ConflictError):
        port.add(FIRST)
    with pytest.raises(NotFoundError):
        port.search("wine", "iris-1")


def test_change_is_written_once_when_it_changes_something(store):
    store.add(FIRST)
    running = store.change("iris", "iris-1", lambda r: replace(r, state=SearchState.RUNNING))
    same = store.change("iris", "iris-1", lambda r: r)

    assert (running.state, running.revision) == (SearchState.RUNNING, 2)
    assert same == store.search("iris", "iris-1") == running


def test_newest_come_first_when_they_are_listed(store):
    for number in range(1, 5):
        store.add(replace(FIRST, id=f"iris-{number}"))
    store.add(replace(FIRST, id="wine-9", model="wine"))

    assert [r.id for r in store.searches("iris", limit=2)] == ["iris-4", "iris-3"]
    assert [r.id for r in store.searches("iris", limit=2, before="iris-3")] == ["iris-2", "iris-1"]
    assert store.searches("nobody") == []


def test_first_record_of_a_trial_stays_when_it_is_kept_again(store):
    for number in (10, 2):
        store.add_trial("iris-1", replace(TRIAL, number=number))
    store.add_trial("iris-1", replace(TRIAL, number=2, state=TrialState.FAILED, mean=None))

    assert store.trials("iris-1") == [replace(TRIAL, number=2), replace(TRIAL, number=10)]
    assert store.trials("iris-2") == []


def test_other_ones_change_survives_when_two_write_at_once(store):
    store.add(FIRST)
    tries = []

    def slow(record):
        if not tries:
            tries.append(store.change("iris", "iris-1", lambda r: replace(r, stop_asked=True)))
        return replace(record, round=1)

    record = store.change("iris", "iris-1", slow)

    assert (record.round, record.stop_asked, record.revision) == (1, True, 3)
