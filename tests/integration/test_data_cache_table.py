"""The cache's table in an emulated DynamoDB, as the template has it, and when it is not there."""

from __future__ import annotations

import threading

import pytest
from fakes.dynamodb_emulator import client_of, emulated_dynamodb, lean_api
from servery.adapters.dynamodb_rows import AWAY_SECONDS, MOST_PENDING, DynamoDbRows
from servery.domain.answered_rows import AnsweredRow
from servery.domain.cached_rows import CachedRow
from servery.errors import FaultError, UnavailableError

AT, GONE = 1_790_000_000.125, 1_790_000_060.0


@pytest.fixture(scope="module")
def address():
    with emulated_dynamodb({"CacheTable": "cache"}) as address:
        yield address


@pytest.fixture
def failures():
    return []


@pytest.fixture
def table(address, failures):
    return DynamoDbRows(lean_api(address), "cache", failed=failures.append)


def row(place: str, answer: bytes = b'{"class":"a"}', floats: str = "FP32") -> CachedRow:
    return CachedRow(place, place.encode() * 2, AnsweredRow(answer, floats), AT, GONE, "1.0.0")


def test_rows_are_found_as_they_were_when_they_have_been_written(table, failures):
    rows = [row(f"iris#{n}", b'{"value":0.1,"unit":"\xc3\xa9"}', "FP64") for n in range(130)]
    table.keep(rows)

    assert table.read(["iris#0"]) == {}  # not before the response has left
    table.flush(5.0)
    found = table.read([*(row.place for row in rows), "iris#none"], fresh=True)

    assert found == {row.place: row for row in rows}
    assert failures == []


def test_last_row_stays_when_two_are_written_to_one_place(table):
    table.keep([row("iris#same", b"{}"), row("iris#other"), row("iris#same", b'{"class":"b"}')])
    table.flush(1.0)

    assert table.read(["iris#same"])["iris#same"].answered.answer == b'{"class":"b"}'


def test_rows_expire_by_the_tables_own_means(table, address):
    table.keep([row("iris#ttl")])
    table.flush(1.0)
    client = client_of(address)
    item = client.get_item(TableName="cache", Key={"pk": {"S": "iris#ttl"}})["Item"]

    said = client.describe_time_to_live(TableName="cache")["TimeToLiveDescription"]
    assert said["AttributeName"] == "expires_at"
    assert int(item["expires_at"]["N"]) == GONE


def test_one_takes_off_when_many_try(address):
    outcomes = []

    def attempt(name):
        table = DynamoDbRows(lean_api(address), "cache", failed=outcomes.append)
        outcomes.append(table.take_off("iris#flight#1", name, now=AT, until=AT + 1))

    threads = [threading.Thread(target=attempt, args=(f"p{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False] * 7 + [True]


def test_flight_is_seen_until_it_lands_or_its_time_is_up(table):
    table.take_off("iris#flight#2", "me", now=AT, until=AT + 1)

    assert table.watch("iris#flight#2", "iris#z", now=AT).flying
    assert not table.watch("iris#flight#2", "iris#z", now=AT + 1.5).flying
    table.land("iris#flight#2", "somebody else")
    table.flush(1.0)
    assert table.watch("iris#flight#2", "iris#z", now=AT).flying
    table.land("iris#flight#2", "me")
    table.keep([row("iris#z")])
    table.flush(1.0)
    seen = table.watch("iris#flight#2", "iris#z", now=AT)
    assert (seen.flying, seen.row) == (False, row("iris#z"))


def test_flight_is_taken_over_when_its_time_is_up(table):
    assert table.take_off("iris#flight#3", "me", now=AT, until=AT + 1)
    assert table.take_off("iris#flight#3", "me", now=AT, until=AT + 1)  # sent twice
    assert table.take_off("iris#flight#3", "you", now=AT + 0.9, until=AT + 2) is False
    assert table.take_off("iris#flight#3", "you", now=AT + 1, until=AT + 2)


class Broken:
    """A DynamoDB that fails, or hangs as long as it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.given = []

    def call(self, operation, document, *, seconds):
        self.given.append((operation, seconds))
        raise self.error


@pytest.mark.parametrize("error", [UnavailableError("no answer"), FaultError("no such table")])
def test_table_is_left_alone_for_a_while_when_it_fails(error, failures):
    api, now = Broken(error), [100.0]
    table = DynamoDbRows(api, "cache", failed=failures.append, now=lambda: now[0])

    assert table.read(["iris#1"]) is None
    assert table.away
    assert table.read(["iris#1"]) is None
    assert table.take_off("f", "me", now=0, until=1) is None
    assert table.watch("f", "p", now=0) is None
    table.keep([row("iris#1")])
    table.flush(1.0)
    assert (len(api.given), failures) == (1, [error])

    now[0] += AWAY_SECONDS
    assert not table.away
    table.read(["iris#1"])
    assert len(api.given) == 2


def test_no_more_than_so_many_rows_wait_when_nobody_writes(address, failures):
    table = DynamoDbRows(lean_api(address), "cache", failed=failures.append)
    table.keep([row(f"iris#many{n}") for n in range(MOST_PENDING + 10)])

    assert len(table._pending) == MOST_PENDING


def test_table_that_is_gone_is_a_failure_and_no_error(address, failures):
    table = DynamoDbRows(lean_api(address), "gone", failed=failures.append)

    assert table.read(["iris#1"]) is None
    assert [type(error) for error in failures] == [FaultError]


def test_address_that_nobody_listens_at_is_a_failure_and_no_error(failures):
    table = DynamoDbRows(lean_api("http://127.0.0.1:9"), "cache", failed=failures.append)

    assert table.read(["iris#1"]) is None
    assert [type(error) for error in failures] == [UnavailableError]
