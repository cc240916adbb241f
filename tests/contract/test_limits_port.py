"""What the tables of shared limits promise, held by the fakes and by the adapters alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.dynamodb_server import dynamodb_server, lean
from fakes.limits import MemoryPlaces, MemoryTokens
from fakes.moto_aws import moto_table
from servery.adapters.dynamodb_limits import DynamoDbPlaces, DynamoDbTokens
from servery.domain.leases import Place, Places
from servery.domain.token_bucket import Bucket
from servery.ports import PlaceTable, TokenTable

NOW = 1_800_000_000.0
SLOW_ENOUGH = 10.0


@pytest.fixture
def api(monkeypatch):
    with (
        moto_table(monkeypatch, "LimitsTable", "limits") as client,
        dynamodb_server(client) as told,
    ):
        yield lean(told)


@pytest.fixture(params=["memory", "dynamodb"])
def places(request):
    if request.param == "memory":
        return MemoryPlaces()
    return DynamoDbPlaces(request.getfixturevalue("api"), "limits", seconds=SLOW_ENOUGH)


@pytest.fixture(params=["memory", "dynamodb"])
def tokens(request):
    if request.param == "memory":
        return MemoryTokens()
    return DynamoDbTokens(request.getfixturevalue("api"), "limits", seconds=SLOW_ENOUGH)


def test_it_fits_the_port_of_places(places):
    port: PlaceTable = places
    assert port.look("server#0", 4) == Places(4)


def test_place_is_taken_when_it_is_free(places):
    mine = Place(2, "a", NOW + 5)

    ours, seen = places.take("server#0", 4, mine, now=NOW)

    assert ours
    assert seen == places.look("server#0", 4) == Places(4, (mine,))
    assert seen.free(NOW) == [0, 1, 3]
    assert seen.live(NOW) == 1


def test_place_is_refused_and_its_owner_told_when_somebody_else_has_it(places):
    mine = Place(2, "a", NOW + 5)
    places.take("server#0", 4, mine, now=NOW)

    ours, seen = places.take("server#0", 4, Place(2, "b", NOW + 9), now=NOW + 4.9)

    assert not ours
    assert seen == Places(4, (mine,))


def test_place_is_renewed_when_it_is_ours(places):
    places.take("server#0", 4, Place(2, "a", NOW + 5), now=NOW)

    ours, seen = places.take("server#0", 4, Place(2, "a", NOW + 9), now=NOW + 1)

    assert ours
    assert seen == Places(4, (Place(2, "a", NOW + 9),))


def test_place_is_taken_when_its_lease_is_over(places):
    places.take("server#0", 4, Place(2, "a", NOW + 5), now=NOW)

    ours, seen = places.take("server#0", 4, Place(2, "b", NOW + 9), now=NOW + 5)

    assert ours
    assert seen == Places(4, (Place(2, "b", NOW + 9),))


def test_place_is_free_when_it_was_given_back(places):
    mine = Place(2, "a", NOW + 5)
    places.take("server#0", 4, mine, now=NOW)

    places.give_back("server#0", mine)

    assert places.look("server#0", 4).free(NOW) == [0, 1, 2, 3]


def test_nothing_happens_when_a_place_is_given_back_that_is_somebody_elses(places):
    mine, others = Place(2, "a", NOW + 5), Place(2, "b", NOW + 9)
    places.take("server#0", 4, mine, now=NOW)
    places.take("server#0", 4, others, now=NOW + 6)

    places.give_back("server#0", mine)
    places.give_back("server#0", Place(1, "a", NOW))
    places.give_back("nobody#0", mine)

    assert places.look("server#0", 4) == Places(4, (others,))


def test_shards_are_apart_when_their_numbers_are_the_same(places):
    places.take("server#0", 4, Place(0, "a", NOW + 5), now=NOW)
    places.take("server#1", 4, Place(0, "b", NOW + 5), now=NOW)

    assert places.look("server#0", 4).leased == (Place(0, "a", NOW + 5),)
    assert places.look("server#1", 4).leased == (Place(0, "b", NOW + 5),)


def test_one_gets_the_place_when_many_want_it_at_once(places):
    def take(number: int) -> bool:
        return places.take("server#0", 1, Place(0, f"p{number}", NOW + 5), now=NOW)[0]

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(24))) == 1


def test_it_fits_the_port_of_tokens(tokens):
    port: TokenTable = tokens
    assert port.draw("iris", Bucket(10, 5), 1, now=NOW)[0] == 1


def test_only_what_there_is_is_drawn_when_more_is_asked_for(tokens):
    bucket = Bucket(10, 5)

    assert [tokens.draw("iris", bucket, n, now=NOW)[0] for n in (3, 3, 3)] == [3, 2, 0]


def test_tokens_flow_in_when_time_passes(tokens):
    bucket = Bucket(10, 5)
    tokens.draw("iris", bucket, 5, now=NOW)

    assert tokens.draw("iris", bucket, 5, now=NOW + 0.25)[0] == 2
    assert tokens.draw("iris", bucket, 5, now=NOW + 0.27)[0] == 0
    assert tokens.draw("iris", bucket, 5, now=NOW + 0.31)[0] == 1


def test_no_more_than_the_bucket_holds_is_there_when_nobody_drew_for_long(tokens):
    bucket = Bucket(10, 5)
    tokens.draw("iris", bucket, 5, now=NOW)

    assert tokens.draw("iris", bucket, 99, now=NOW + 1000)[0] == 5


@pytest.mark.parametrize("earlier", [0, 3])
def test_bucket_is_in_the_table_until_it_would_be_full_when_it_fills_for_hours(api, earlier):
    bucket = Bucket(0.001, 20)
    tokens = DynamoDbTokens(api, "limits", seconds=SLOW_ENOUGH)
    for _ in range(earlier):
        tokens.draw("iris", bucket, 1, now=NOW)

    _, full_at = tokens.draw("iris", bucket, 20, now=NOW)

    key = {"pk": {"S": "rate#iris"}}
    item = api.call("GetItem", {"TableName": "limits", "Key": key}, seconds=SLOW_ENOUGH)["Item"]
    assert int(item["expires_at"]["N"]) >= full_at


def test_it_is_told_when_the_bucket_is_full_again(tokens):
    drawn, full_at = tokens.draw("iris", Bucket(10, 5), 4, now=NOW)

    assert (drawn, full_at) == (4, pytest.approx(NOW + 0.4, abs=1e-3))
    assert Bucket(10, 5).next_at(full_at) == pytest.approx(NOW, abs=1e-3)


def test_scopes_are_apart_when_their_buckets_are_alike(tokens):
    bucket = Bucket(10, 5)
    tokens.draw("iris", bucket, 5, now=NOW)

    assert tokens.draw("wine", bucket, 5, now=NOW)[0] == 5


def test_no_token_is_drawn_twice_when_many_draw_at_once(tokens):
    bucket = Bucket(0.001, 20)
    tokens.draw("iris", bucket, 1, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: tokens.draw("iris", bucket, 2, now=NOW)[0], range(40)))

    assert sum(drawn) <= 19


def test_drawing_goes_on_when_another_process_emptied_the_bucket_meanwhile(api):
    """What a process knows of a bucket is old as soon as somebody else draws."""
    bucket = Bucket(10, 5)
    mine, others = (DynamoDbTokens(api, "limits", seconds=SLOW_ENOUGH) for _ in range(2))
    mine.draw("iris", bucket, 1, now=NOW)
    others.draw("iris", bucket, 4, now=NOW)

    assert mine.draw("iris", bucket, 1, now=NOW)[0] == 0
    assert mine.draw("iris", bucket, 2, now=NOW + 10)[0] == 2
    assert others.draw("iris", bucket, 9, now=NOW + 10)[0] == 3
