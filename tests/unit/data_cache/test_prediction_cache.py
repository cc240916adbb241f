"""The gateway with a cache answers what it would without one, and asks the model for less."""

from __future__ import annotations

import json

import pytest
from fakes.cache_plant import CachePlant, unmarked
from fakes.records import VERSION
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS
from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.policies import CachePolicy
from servery.domain.serving import Limits
from servery.ports import Inquiry

POLICY = CachePolicy()


def flower(length: float) -> dict[str, float]:
    return {**FLOWER, "sepal_length": length}


def records(*lengths: float) -> dict:
    return {"records": [flower(length) for length in lengths]}


def tensors(*lengths: float) -> dict:
    rows = [flower(length) for length in lengths]
    return {
        "inputs": [
            {"name": n, "shape": [len(rows)], "datatype": "FP64", "data": [r[n] for r in rows]}
            for n in FLOWER
        ]
    }


def packed(*lengths: float) -> dict:
    data = [list(flower(length).values()) for length in lengths]
    return {
        "inputs": [{"name": "input", "shape": [len(data), 4], "datatype": "FP32", "data": data}]
    }


FORMS = {"records": records, "tensors": tensors, "packed": packed}


@pytest.mark.parametrize("hot_kb", [0, 64])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_repeat_is_answered_without_the_model(form, hot_kb):
    plant = CachePlant(FLOWERS, CachePolicy(hot_kb=hot_kb))
    gateway = plant.gateway()

    first = plant.ask(gateway, form(1, 2))
    second = plant.ask(gateway, form(1, 2))
    third = plant.ask(plant.gateway(), form(2, 1))  # another process, the other way round

    assert [said[2] for said in (first, second, third)] == ["miss", "hit", "hit"]
    assert plant.rows == [2]
    assert unmarked(first[1]) == unmarked(second[1])


def test_only_the_missing_rows_reach_the_model_when_some_are_known():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(*range(1, 10)))

    _, body, cache = plant.ask(gateway, records(*(n / 10 for n in range(100))))

    assert (cache, plant.rows) == ("partial", [9, 91])
    bare = CachePlant(FLOWERS, None)
    expected = bare.ask(bare.gateway(), records(*(n / 10 for n in range(100))))[1]
    assert unmarked(body) == unmarked(expected)


def test_row_is_asked_for_once_when_a_request_has_it_often():
    plant = CachePlant(FLOWERS, POLICY)
    bare = CachePlant(FLOWERS, None)

    status, body, cache = plant.ask(plant.gateway(), records(1, 2, 1, 1.0))

    assert (status, cache, plant.rows) == (200, "miss", [2])
    assert unmarked(body) == unmarked(bare.ask(bare.gateway(), records(1, 2, 1, 1.0))[1])


requests = st.tuples(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.sampled_from([0, 1, 1.0, 2, 2.5, -0.0, 5.1, 10]), min_size=1, max_size=5),
    st.sampled_from([{}, {"id": 'a"ü'}, {"id": ""}]),
    st.sampled_from([(), ("class",), ("probabilities",), ("probabilities", "class")]),
    st.booleans(),
)


@given(
    st.lists(requests, min_size=1, max_size=8),
    st.sampled_from([CachePolicy(), CachePolicy(max_entries=2, hot_kb=0), CachePolicy(hot_kb=1)]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_answers_are_the_uncached_ones_to_the_byte(asked, policy, wide):
    plant, bare = CachePlant(FLOWERS, policy, wide=wide), CachePlant(FLOWERS, None, wide=wide)
    processes = [plant.gateway(), plant.gateway()]
    for form, lengths, named, outputs, other in asked:
        body = FORMS[form](*lengths) | named
        if outputs and form != "records":
            body["outputs"] = [{"name": name} for name in outputs]
        said = plant.ask(processes[other], body)
        expected = bare.ask(bare.gateway(), body)

        assert said[0] == expected[0] == 200
        assert unmarked(said[1]) == unmarked(expected[1])
    assert not plant.failures


def test_answer_is_the_uncached_one_when_inputs_are_of_every_kind():
    plant, bare = CachePlant(GUESTS, POLICY, wide=True), CachePlant(GUESTS, None, wide=True)
    gateway = plant.gateway()
    others = [GUEST, {**GUEST, "country": None, "weight": None}, {**GUEST, "remark": "é\n"}]
    for rows in (others[:1], others[1:], others):
        said = plant.ask(gateway, {"records": rows})
        assert unmarked(said[1]) == unmarked(bare.ask(bare.gateway(), {"records": rows})[1])

    assert plant.rows == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        {"records": [{**FLOWER, "sepal_length": "long"}]},
        {"records": [flower(1), {**FLOWER, "sepal_length": 11}]},
        {"records": [flower(1)], "outputs": []},
        "{",
    ],
)
def test_refusal_is_the_servers_own_when_a_request_is_wrong(body):
    plant, bare = CachePlant(FLOWERS, POLICY), CachePlant(FLOWERS, None)
    gateway = plant.gateway()
    plant.ask(gateway, records(1))

    status, said, cache = plant.ask(gateway, body)
    expected = bare.ask(bare.gateway(), body)

    assert (status, cache) == (expected[0], "off")
    assert status in {400, 422}
    assert said.replace("request-3", "") == expected[1].replace("request-1", "") or (
        said.partition('"instance"')[0] == expected[1].partition('"instance"')[0]
    )


def test_request_goes_past_the_cache_when_it_has_too_many_rows():
    plant = CachePlant(FLOWERS, CachePolicy(most_rows=2))
    gateway = plant.gateway()

    assert [plant.ask(gateway, records(1, 2, 3))[2] for _ in range(2)] == ["off", "off"]


def test_no_stale_answer_is_given_when_another_version_is_released():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(1, 2))
    plant.release("0.1.1-dabc1234.sdef5678")

    _, body, cache = plant.ask(gateway, records(1, 3))

    assert cache == "miss"
    assert VERSION not in body
    assert plant.rows == [2, 2]


def test_nothing_is_found_when_the_generation_is_raised():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.set_policy(CachePolicy(generation=1))

    assert plant.ask(gateway, records(1))[2] == "miss"


def test_row_is_forgotten_when_its_time_is_up():
    plant = CachePlant(FLOWERS, CachePolicy(seconds=60, hot_seconds=600))
    gateway = plant.gateway()
    plant.ask(gateway, records(1))

    plant.clock.advance(59)
    assert plant.ask(gateway, records(1))[2] == "hit"
    plant.clock.advance(2)
    assert plant.ask(gateway, records(1))[2] == "miss"


def test_row_is_forgotten_when_the_policy_has_become_shorter():
    plant = CachePlant(FLOWERS, CachePolicy(seconds=3600))
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.clock.advance(100)
    plant.set_policy(CachePolicy(seconds=99))

    assert plant.ask(gateway, records(1))[2] == "miss"


def test_process_asks_the_table_again_when_its_own_row_is_old():
    plant = CachePlant(FLOWERS, CachePolicy(hot_seconds=5))
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.table.reads.clear()

    plant.ask(gateway, records(1))
    assert plant.table.reads == []
    plant.clock.advance(6)
    assert plant.ask(gateway, records(1))[2] == "hit"
    assert plant.table.reads == [1]


def test_no_more_rows_are_kept_than_the_policy_says():
    plant = CachePlant(FLOWERS, CachePolicy(max_entries=5))
    gateway = plant.gateway()
    for length in range(1, 11):
        plant.ask(gateway, records(length))

    assert 1 <= len(plant.table.rows) <= 5


def test_two_rows_of_one_place_are_never_mistaken_for_each_other():
    plant = CachePlant(FLOWERS, CachePolicy(max_entries=1, hot_kb=0))
    bare = CachePlant(FLOWERS, None)
    gateway = plant.gateway()
    for lengths in [(1,), (2,), (1, 2), (2, 1), (1,)]:
        said = plant.ask(gateway, records(*lengths))
        assert unmarked(said[1]) == unmarked(bare.ask(bare.gateway(), records(*lengths))[1])


@pytest.mark.parametrize("hot_kb", [0, 64])
def test_answers_stay_right_when_the_table_goes_away(hot_kb):
    plant = CachePlant(FLOWERS, CachePolicy(hot_kb=hot_kb))
    bare = CachePlant(FLOWERS, None)
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.table.down = True

    for lengths in [(1,), (2, 3), (2,)]:
        status, body, cache = plant.ask(gateway, records(*lengths))
        assert status == 200
        assert unmarked(body) == unmarked(bare.ask(bare.gateway(), records(*lengths))[1])
        assert hot_kb or cache == "off"


def test_answer_of_a_stand_in_is_passed_on_and_not_kept():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.stand_in = "0.0.9-dabc1234.sdef5678"

    _, body, cache = plant.ask(gateway, records(1))
    plant.stand_in = ""

    assert '"degraded":true' in body
    assert cache == "miss"
    assert plant.ask(gateway, records(1))[2] == "miss"


def test_versions_are_never_mixed_when_a_stand_in_answers_for_what_is_missing():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.stand_in = "0.0.9-dabc1234.sdef5678"

    _, body, _ = plant.ask(gateway, records(1, 2))

    assert VERSION not in body
    assert plant.rows == [1, 1, 2]


def test_request_goes_past_the_cache_when_the_manifest_cannot_be_read():
    plant = CachePlant(FLOWERS, POLICY)
    plant.objects.objects.clear()
    gateway = plant.gateway()

    assert plant.ask(gateway, records(1))[::2] == (200, "off")
    assert plant.failures


def test_hits_misses_and_ages_are_told():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(1, 2))
    plant.clock.advance(4)
    plant.ask(gateway, records(1, 2, 3))

    first, second = plant.figures
    assert (first.hits, first.misses, first.age_s) == (0, 2, 0.0)
    assert (second.model, second.hits, second.misses, second.age_s) == ("iris", 2, 1, 4.0)


# Single flight


def test_model_is_asked_once_when_equal_requests_come_at_the_same_time():
    plant = CachePlant(FLOWERS, POLICY)

    def wait(seconds):
        plant.clock.advance(seconds)
        plant.table.flush()

    first = plant.ask(plant.gateway(), records(1, 2), flush=False)  # not in the table yet
    said = [plant.ask(plant.gateway(wait), records(1, 2), flush=False) for _ in range(20)]

    assert {cache for _, _, cache in said} == {"hit"}
    assert {unmarked(body) for _, body, _ in said} == {unmarked(first[1])}
    assert plant.rows == [2]


def test_request_asks_by_itself_when_the_one_before_it_takes_too_long():
    plant = CachePlant(FLOWERS, CachePolicy(single_flight_ms=300))
    cache = plant.cache()
    look = cache.look_up(_inquiry(plant, records(1)))
    assert look.state == "miss"

    started = plant.clock.now()
    assert plant.ask(plant.gateway(), records(1))[2] == "miss"

    assert 0.29 < (plant.clock.now() - started).total_seconds() < 0.4


def test_next_one_asks_when_the_first_gives_up():
    plant = CachePlant(FLOWERS, CachePolicy(single_flight_ms=5000))
    look = plant.cache().look_up(_inquiry(plant, records(1)))

    def wait(seconds):
        plant.clock.advance(seconds)
        look.give_up()
        plant.table.flush()

    started = plant.clock.now()
    assert plant.ask(plant.gateway(wait), records(1))[2] == "miss"

    assert (plant.clock.now() - started).total_seconds() < 0.1
    assert plant.rows == [1]


def test_caller_with_little_time_waits_for_half_of_it():
    plant = CachePlant(FLOWERS, CachePolicy(single_flight_ms=5000))
    plant.cache().look_up(_inquiry(plant, records(1)))

    started = plant.clock.now()
    plant.cache().look_up(_inquiry(plant, records(1), seconds=0.5))

    assert 0.2 < (plant.clock.now() - started).total_seconds() < 0.3


def test_waiting_for_another_one_leaves_the_model_half_of_the_deadline():
    plant = CachePlant(FLOWERS, CachePolicy(single_flight_ms=10_000))
    plant.cache().look_up(_inquiry(plant, records(1), seconds=29.0))

    started = plant.clock.now()
    assert plant.ask(plant.gateway(), records(1))[0] == 200

    deadline = plant.registry.deployment("iris").deadline_ms / 1000
    waited = (plant.clock.now() - started).total_seconds()
    assert 0.4 * deadline < waited <= deadline / 2 + 0.1


def test_nobody_waits_when_the_policy_says_so():
    plant = CachePlant(FLOWERS, CachePolicy(single_flight_ms=0))
    plant.cache().look_up(_inquiry(plant, records(1)))

    assert plant.cache().look_up(_inquiry(plant, records(1))).state == "miss"
    assert not plant.table.flights


def test_body_that_becomes_too_large_for_the_server_goes_to_it_whole():
    limits = Limits(max_body_kb=1)
    plant, bare = (CachePlant(FLOWERS, p, limits=limits) for p in (POLICY, None))
    gateway = plant.gateway()
    plant.ask(gateway, packed(1))
    lengths = [n / 10 for n in range(10, 30)]

    status, body, _ = plant.ask(gateway, packed(*lengths))

    assert status == 200
    assert unmarked(body) == unmarked(bare.ask(bare.gateway(), packed(*lengths))[1])


def _inquiry(plant, document, seconds=10.0):
    deployment = plant.registry.deployment("iris")
    return Inquiry(
        deployment=deployment,
        served=deployment.champion,
        body=json.dumps(document),
        base64=False,
        request_id="request",
        served_by="champion",
        seconds=seconds,
    )


def test_refusal_names_the_callers_own_rows_when_a_row_was_asked_for_once_only():
    plant, bare = (CachePlant(FLOWERS, policy) for policy in (POLICY, None))
    for each in (plant, bare):
        each.unfit = 3.0

    said = plant.ask(plant.gateway(), records(1, 1, 3))
    expected = bare.ask(bare.gateway(), records(1, 1, 3))

    assert said[0] == expected[0] == 422
    assert json.loads(said[1])["errors"] == json.loads(expected[1])["errors"]


def test_server_that_fails_is_not_asked_a_second_time():
    plant = CachePlant(FLOWERS, POLICY)
    gateway = plant.gateway()
    plant.ask(gateway, records(1))
    plant.servers.asked.clear()
    plant.servers.answer = lambda event: {"status": 503, "body": "{}", "reason": "no model"}

    assert plant.ask(gateway, records(1, 2))[0] == 503
    assert len(plant.servers.asked) == 1
