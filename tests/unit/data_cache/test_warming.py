"""Warming a cache: what was asked before is answered from it, to the byte."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from fakes.cache_plant import CachePlant, unmarked
from fakes.records import VERSION
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS
from fakes.warm_plant import WarmPlant
from msgspec.structs import replace
from servery.domain.policies import CachePolicy
from servery.domain.serving import Limits
from servery.domain.warm_ups import RUNNING_SECONDS, Coverage, WarmRequest, WarmUpState
from servery.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError

NEXT = "0.2.0-dabc1234.sdef5678"


def flower(length: float) -> dict[str, Any]:
    return {**FLOWER, "sepal_length": length}


def records(*lengths: float) -> dict[str, Any]:
    return {"records": [flower(length) for length in lengths]}


def tensors(*lengths: float) -> dict[str, Any]:
    rows = [flower(length) for length in lengths]
    return {
        "inputs": [
            {"name": n, "shape": [len(rows)], "datatype": "FP64", "data": [r[n] for r in rows]}
            for n in FLOWER
        ]
    }


def a_plant(signature: Any = FLOWERS, **policy: Any) -> WarmPlant:
    return WarmPlant(CachePlant(signature, CachePolicy(**policy)))


@pytest.mark.parametrize("form", [records, tensors], ids=["records", "tensors"])
def test_model_is_not_asked_again_when_the_log_was_warmed_from(form: Any) -> None:
    warm_plant = a_plant()
    uncached = CachePlant(FLOWERS, None)
    warm_plant.log(records(1, 2), tensors(2, 3))

    done = warm_plant.warm(**{"from": "lake"})
    warm_plant.plant.rows.clear()
    for lengths in ((1, 2, 3), (3,), (2, 1)):
        status, body, state = warm_plant.plant.ask(warm_plant.plant.gateway(), form(*lengths))
        plain = uncached.ask(uncached.gateway(), form(*lengths))[1]
        assert (status, state) == (200, "hit")
        assert unmarked(body) == unmarked(plain)

    assert warm_plant.plant.rows == []
    assert done.state is WarmUpState.DONE
    assert (done.read, done.distinct, done.predicted) == (4, 3, 3)
    assert done.before == Coverage()
    assert done.coverage == Coverage(rows=1, asked=1)


def test_every_kind_of_value_is_warmed_when_a_signature_has_all() -> None:
    warm_plant = a_plant(GUESTS)
    uncached = CachePlant(GUESTS, None)
    warm_plant.log({"records": [GUEST]})

    warm_plant.warm()
    _, body, state = warm_plant.plant.ask(warm_plant.plant.gateway(), {"records": [GUEST]})

    assert state == "hit"
    plain = uncached.ask(uncached.gateway(), {"records": [GUEST]})[1]
    assert unmarked(body) == unmarked(plain)


def test_only_the_missing_rows_are_predicted_when_it_is_warmed_again() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1, 2))
    warm_plant.warm()
    warm_plant.log(records(3))
    warm_plant.plant.rows.clear()

    done = warm_plant.warm()

    assert warm_plant.plant.rows == [1]
    assert (done.known, done.predicted) == (2, 1)
    assert done.before == Coverage(rows=round(2 / 3, 6), asked=round(2 / 3, 6))


def test_coverage_goes_by_how_often_rows_were_asked_when_some_are_refused() -> None:
    warm_plant = a_plant()
    warm_plant.log(*[records(1)] * 9, records(2))
    plain = warm_plant.plant.servers.answer

    def refuses(event: dict[str, Any]) -> dict[str, Any]:
        if 2.0 in json.loads(event["body"]).get("inputs", [{}])[0].get("data", []):
            return {"status": 422, "body": "{}", "reason": "no"}
        return plain(event)

    warm_plant.plant.servers.answer = refuses
    done = warm_plant.warm()

    assert done.coverage == Coverage(rows=0.5, asked=0.9)
    assert (done.predicted, done.refused) == (1, 1)
    assert done.state is WarmUpState.DONE


def test_what_no_cache_could_answer_is_counted_when_the_log_has_it() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1), '{"records": [{"sepal_length": 1}]}', "[]")
    warm_plant.log("null")
    warm_plant.log(records(7), status=422)
    next(iter(warm_plant.lake.objects.values())).append(b'{"status": 200, "inp')

    done = warm_plant.warm()

    assert (done.read, done.unread, done.distinct) == (3, 2, 1)
    assert done.coverage.rows == 1


def test_masked_requests_are_left_out_when_the_log_has_them_hashed() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1), hashed=["input.sepal_length"])
    warm_plant.log(records(2), omitted=["input.name"])
    warm_plant.log(records(3), hashed=["output"])
    assert warm_plant.warm().distinct == 1


def test_older_days_are_left_out_when_fewer_are_asked_for() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1))
    warm_plant.plant.clock.advance(3 * 86_400)
    warm_plant.log(records(2))

    assert warm_plant.warm(days=3).distinct == 1
    assert warm_plant.warm(days=4).distinct == 2


def test_other_models_are_left_alone_when_the_lake_has_several() -> None:
    warm_plant = a_plant()
    warm_plant.lake.log(records(1), day=warm_plant.today, model="iris-2")

    assert warm_plant.warm().read == 0


def test_candidate_is_warm_before_its_release_when_it_was_named() -> None:
    warm_plant = a_plant()
    plant = warm_plant.plant
    before = plant.registry.deployment("iris")
    after = plant.release(NEXT)
    now = plant.registry.deployment("iris")
    back = replace(now, champion=before.champion, candidates=[after.champion], last_good=None)
    plant._put(back)
    warm_plant.log(records(1, 2))

    done = warm_plant.warm(version=NEXT)

    assert done.version == NEXT
    _, _, state = plant.ask(plant.gateway(), records(1))
    assert state == "miss", "the champion's own cache is as cold as before"
    crowned = plant.registry.deployment("iris")
    plant._put(replace(crowned, champion=after.champion, candidates=[]))
    status, body, state = plant.ask(plant.gateway(), records(1, 2))
    assert (status, state, json.loads(body)["model_version"]) == (200, "hit", NEXT)


def test_most_asked_row_has_the_place_when_rows_share_it() -> None:
    warm_plant = a_plant(max_entries=1)
    warm_plant.log(records(1), *[records(2)] * 3, records(3))

    done = warm_plant.warm()

    assert done.displaced == 2
    assert done.predicted == 1
    assert done.coverage == Coverage(rows=round(1 / 3, 6), asked=0.6)
    assert warm_plant.plant.ask(warm_plant.plant.gateway(), records(2))[2] == "hit"


CSV = b"id,sepal_length,sepal_width,petal_length,petal_width,species\r\n" + b"".join(
    b'"%d",%d.%d,3.5,1.4,0.2,x\r\n' % (n, n // 10, n % 10) for n in range(1, 61)
)
LINES = b"".join(json.dumps({"id": n, **flower(n / 10)}).encode() + b"\n" for n in range(1, 61))


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("inbox/iris/a.csv", CSV),
        ("inbox/iris/a.csv", b"\xef\xbb\xbf" + CSV),
        ("inbox/iris/a.CSV.gz", gzip.compress(CSV)),
        ("inbox/iris/a.jsonl", LINES),
        ("inbox/iris/a.ndjson.gz", gzip.compress(LINES)),
    ],
)
def test_rows_of_a_file_are_warm_when_a_batch_was_warmed_from(key: str, content: bytes) -> None:
    warm_plant = a_plant()
    names = list(FLOWER)
    assert CSV.split(b"\r\n")[0].decode().split(",")[1:5] == names
    batch = warm_plant.drop(key, content)

    done = warm_plant.warm(**{"from": "batch"}, batch=batch)

    assert done.reason == ""
    assert (done.read, done.distinct, done.unread) == (60, 60, 0)
    status, _, state = warm_plant.plant.ask(warm_plant.plant.gateway(), records_of(content, names))
    assert (status, state) == (200, "hit")


def records_of(content: bytes, names: list[str]) -> dict[str, Any]:
    """The rows of a file as a caller asks them."""
    text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8-sig")
    if text.startswith("{"):
        rows = [json.loads(line) for line in text.splitlines()]
        return {"records": [{n: row[n] for n in names} for row in rows]}
    cells = [line.split(",") for line in text.splitlines()[1:]]
    return {"records": [{n: float(c) for n, c in zip(names, r[1:5], strict=True)} for r in cells]}


def test_good_rows_are_warm_when_a_file_has_bad_ones() -> None:
    warm_plant = a_plant()
    bad = b"x,1,2\r\nx,one,3.5,1.4,0.2,x\r\n,,,,,\r\n"
    batch = warm_plant.drop("inbox/iris/a.csv", CSV + bad)

    done = warm_plant.warm(**{"from": "batch"}, batch=batch)

    assert (done.distinct, done.unread) == (60, 2)


def test_reason_is_told_when_a_file_is_gone_or_broken() -> None:
    warm_plant = a_plant()
    batch = warm_plant.drop("inbox/iris/a.csv", b'a,"b\n')
    assert "CSV" in warm_plant.warm(**{"from": "batch"}, batch=batch).reason
    batch = warm_plant.drop("inbox/iris/b.csv", CSV)
    warm_plant.files.remove("inbox/iris/b.csv")
    failed = warm_plant.warm(**{"from": "batch"}, batch=batch)
    assert failed.state is WarmUpState.FAILED
    assert failed.reason


def test_it_stops_and_the_next_one_goes_on_when_the_time_is_up() -> None:
    warm_plant = WarmPlant(CachePlant(FLOWERS, CachePolicy(), limits=Limits(max_rows=10)))
    warm_plant.log(*(records(*(k / 10 for k in range(n, n + 10))) for n in range(1, 41, 10)))
    plain = warm_plant.plant.servers.answer

    def slow(event: dict[str, Any]) -> dict[str, Any]:
        warm_plant.plant.clock.advance(60)
        return plain(event)

    warm_plant.plant.servers.answer = slow
    stopped = warm_plant.warm(seconds=100)
    assert stopped.state is WarmUpState.STOPPED
    assert stopped.predicted == 20
    assert stopped.coverage.rows == 0.5
    assert "the next one" in stopped.reason

    done = warm_plant.warm(seconds=1000)
    assert (done.state, done.known, done.predicted) == (WarmUpState.DONE, 20, 20)


def test_nothing_is_kept_when_another_version_stands_in() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1))
    warm_plant.plant.stand_in = NEXT

    failed = warm_plant.warm()

    assert failed.state is WarmUpState.FAILED
    assert "another version" in failed.reason
    assert not warm_plant.plant.table.rows


def test_it_is_tried_again_when_the_server_is_away_for_a_moment() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1))
    plain, failures = warm_plant.plant.servers.answer, iter([UnavailableError("away")])

    def shaky(event: dict[str, Any]) -> dict[str, Any]:
        for failure in failures:
            raise failure
        return plain(event)

    warm_plant.plant.servers.answer = shaky
    assert warm_plant.warm().state is WarmUpState.DONE
    assert warm_plant.waited == [2.0]


def test_it_has_failed_when_the_table_does_not_answer() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1))
    warm_plant.plant.table.down = True

    failed = warm_plant.warm()

    assert failed.state is WarmUpState.FAILED
    assert "table" in failed.reason


def test_it_says_so_when_the_cache_is_purged_meanwhile() -> None:
    warm_plant = a_plant()
    warm_plant.log(records(1))
    plain = warm_plant.plant.servers.answer

    def purged(event: dict[str, Any]) -> dict[str, Any]:
        warm_plant.plant.set_policy(CachePolicy(generation=1))
        return plain(event)

    warm_plant.plant.servers.answer = purged
    assert "purged" in warm_plant.warm().reason
    assert warm_plant.plant.ask(warm_plant.plant.gateway(), records(1))[2] == "miss"


class TestDesk:
    def test_way_out_is_told_when_there_is_no_cache(self) -> None:
        warm_plant = WarmPlant(CachePlant(FLOWERS, None))
        with pytest.raises(ConflictError, match="servery deployment edit iris --set cache"):
            warm_plant.warm()
        assert warm_plant.desk.show("iris", seconds=20).cache is None

    def test_way_out_is_told_when_the_log_has_no_inputs(self) -> None:
        warm_plant = a_plant()
        now = warm_plant.plant.registry.deployment("iris")
        warm_plant.plant._put(replace(now, champion=replace(now.champion, unlogged=["input"])))
        with pytest.raises(ConflictError, match="--from batch"):
            warm_plant.warm()

    @pytest.mark.parametrize("asked", [{"from": "batch"}, {"from": "lake", "batch": "b"}])
    def test_it_is_refused_when_it_does_not_go_together(self, asked: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError):
            a_plant().warm(**asked)

    def test_it_is_refused_when_there_is_no_such_thing(self) -> None:
        warm_plant = a_plant()
        for asked in ({"from": "batch", "batch": "b"}, {"version": "9.9.9-d1.s1"}):
            with pytest.raises(NotFoundError):
                warm_plant.warm(**asked)
        with pytest.raises(NotFoundError):
            warm_plant.desk.get("iris", "none")

    def test_second_one_waits_when_one_runs(self) -> None:
        warm_plant = a_plant()
        first = warm_plant.desk.start("iris", WarmRequest())
        with pytest.raises(ConflictError):
            warm_plant.desk.start("iris", WarmRequest())
        warm_plant.plant.clock.advance(RUNNING_SECONDS + 1)
        assert warm_plant.desk.get("iris", first.id).state is WarmUpState.FAILED
        second = warm_plant.desk.start("iris", WarmRequest())
        assert warm_plant.started == [first.id, second.id]

    def test_it_runs_once_when_it_is_handed_over_twice(self) -> None:
        warm_plant = a_plant()
        warm_plant.log(records(1))
        done = warm_plant.warm()
        warm_plant.plant.rows.clear()
        assert warm_plant.carry_out(done.id) == done
        assert warm_plant.plant.rows == []

    def test_hits_are_counted_by_the_log_when_a_cache_is_shown(self) -> None:
        warm_plant = a_plant(seconds=60)
        for state, times in (("hit", 3), ("partial", 1), ("miss", 1), ("off", 2)):
            warm_plant.log(*[records(1)] * times, cache=state)
        warm_plant.warm()

        view = warm_plant.desk.show("iris", seconds=20)

        assert view.cache == CachePolicy(seconds=60)
        assert view.model_version == VERSION
        assert (view.log.requests, view.log.hits, view.log.past) == (5, 3, 2)
        assert view.log.ratio == 0.6
        assert view.warm_up is not None
        assert view.warm_up.coverage.rows == 1

    def test_ratio_is_unknown_when_nothing_was_asked(self) -> None:
        view = a_plant().desk.show("iris", seconds=20)
        assert view.log.ratio is None
        assert view.warm_up is None
