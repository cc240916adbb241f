"""What the table of the cache promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.cache_plant import MemoryRows
from fakes.dynamodb_emulator import emulated_dynamodb, lean_api
from servery.adapters.dynamodb_rows import DynamoDbRows
from servery.domain.answered_rows import AnsweredRow
from servery.domain.cached_rows import CachedRow

AT = 1_790_000_000.0


@pytest.fixture(scope="module")
def address():
    with emulated_dynamodb({"CacheTable": "cache"}) as address:
        yield address


@pytest.fixture(params=["memory", "dynamodb"])
def table(request):
    """A table, with what writes after the response."""
    if request.param == "memory":
        memory = MemoryRows()
        return memory, memory.flush
    address = request.getfixturevalue("address")
    rows = DynamoDbRows(lean_api(address), "cache", failed=pytest.fail)
    return rows, lambda: rows.flush(5.0)


def row(place: str, answer: bytes = b"{}") -> CachedRow:
    return CachedRow(place, place.encode(), AnsweredRow(answer, "FP64"), AT, AT + 60, "1.0.0")


def test_rows_are_there_once_they_are_written_after_the_response(table, request):
    rows, flush = table
    one, two = row(f"{request.node.name}#1"), row(f"{request.node.name}#2", b'{"class":"\xc3\xa9"}')
    rows.keep([one, two])
    assert rows.read([one.place]) == {}
    flush()

    assert rows.read([one.place, two.place, "none"], fresh=True) == {one.place: one, two.place: two}
    assert rows.read([]) == {}


def test_later_row_takes_the_place_of_an_earlier_one(table, request):
    rows, flush = table
    place = request.node.name
    rows.keep([row(place, b"1")])
    rows.keep([row(place, b"2")])
    flush()

    assert rows.read([place])[place].answered.answer == b"2"


def test_flight_is_one_owners_until_it_lands_or_its_time_is_up(table, request):
    rows, flush = table
    flight = f"{request.node.name}#flight"

    assert rows.take_off(flight, "a", now=AT, until=AT + 1) is True
    assert rows.take_off(flight, "b", now=AT + 0.5, until=AT + 2) is False
    assert rows.watch(flight, "none", now=AT + 0.5).flying
    rows.land(flight, "b")
    flush()
    assert rows.watch(flight, "none", now=AT + 0.5).flying
    assert rows.take_off(flight, "b", now=AT + 1, until=AT + 2) is True
    rows.land(flight, "b")
    flush()
    assert not rows.watch(flight, "none", now=AT + 1.5).flying


def test_what_is_waited_for_is_seen_when_it_is_written(table, request):
    rows, flush = table
    last = row(f"{request.node.name}#last")
    rows.keep([last])
    assert rows.watch("none", last.place, now=AT).row is None
    flush()

    assert rows.watch("none", last.place, now=AT).row == last
