"""Data of entities over plain HTTP: what DynamoDB can answer, and within which time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from fakes.clock import SetClock
from fakes.entity_server import DROP, Answer, entity_table, items_of, says
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN
from servery.adapters.lean_entities import LeanEntities
from servery.adapters.sigv4 import Credentials
from servery.errors import FaultError, ThrottledError, UnavailableError


def item(key: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"pk": {"S": f"entity#customer#{key}"}, "doc": {"S": json.dumps(data)}, **more}


def table_of(*items: dict[str, Any]) -> Answer:
    return items_of({one["pk"]["S"]: one for one in items})


def entities(address: str, *, secret: str = SECRET_KEY, seconds: float = 2.0) -> LeanEntities:
    return LeanEntities(
        table="features",
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, secret, TOKEN),
        clock=SetClock(),
        endpoint=address,
        seconds=seconds,
    )


def test_data_come_by_key_over_one_connection_when_there_are_some() -> None:
    late = {"expires_at": {"N": "1"}}
    with entity_table(table_of(item("a b/ü", {"age": 41}), item("old", {}, **late))) as (
        address,
        _,
    ):
        store = entities(address)
        for _ in range(2):
            found = store.get_many("customer", ["a b/ü", "old", "nobody", "", "x" * 3000])
            assert found == {"a b/ü": {"age": 41}}


def test_nothing_is_asked_when_there_are_no_keys() -> None:
    with entity_table(says(500)) as (address, asked):
        assert entities(address).get_many("customer", [""]) == {}
    assert not asked


def test_a_hundred_keys_go_into_a_call_when_there_are_more() -> None:
    keys = [f"c{i}" for i in range(250)]
    with entity_table(table_of(*(item(key, {"n": key}) for key in keys))) as (address, asked):
        found = entities(address).get_many("customer", keys)
    assert found == {key: {"n": key} for key in keys}
    assert [len(one["RequestItems"]["features"]["Keys"]) for one in asked] == [100, 100, 50]
    assert all(one["RequestItems"]["features"]["ConsistentRead"] for one in asked)


def test_keys_are_asked_for_again_when_they_were_left() -> None:
    a, b = item("a", {"n": 1}), item("b", {"n": 2})

    def half(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        left = {"features": {"Keys": [{"pk": b["pk"]}], "ConsistentRead": True}}
        return 200, {"Responses": {"features": [a]}, "UnprocessedKeys": left}

    def none(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"Responses": {"features": []}, "UnprocessedKeys": asked["RequestItems"]}

    with entity_table(half, none, table_of(a, b)) as (address, asked):
        found = entities(address).get_many("customer", ["a", "b"])
    assert found == {"a": {"n": 1}, "b": {"n": 2}}
    assert len(asked) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        says(DROP),
        says(500, "InternalServerError"),
        says(400, "ProvisionedThroughputExceededException"),
    ],
)
def test_answer_comes_after_all_when_the_trouble_passes(trouble: Answer) -> None:
    with entity_table(trouble, table_of(item("a", {}))) as (address, asked):
        assert entities(address).get_many("customer", ["a"]) == {"a": {}}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (says(DROP), UnavailableError),
        (says(503, "ServiceUnavailable"), UnavailableError),
        (says(400, "ThrottlingException"), ThrottledError),
        (lambda asked: (200, {"UnprocessedKeys": asked["RequestItems"]}), ThrottledError),
    ],
)
def test_it_is_given_up_in_time_when_the_trouble_stays(
    trouble: Answer, error: type[Exception]
) -> None:
    started = time.monotonic()
    with entity_table(trouble) as (address, asked), pytest.raises(error):
        entities(address, seconds=0.3).get_many("customer", ["a"])
    assert time.monotonic() - started < 1.5
    assert len(asked) > 1


def test_it_is_given_up_in_time_when_nobody_answers() -> None:
    def slow(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        time.sleep(1.0)
        return 200, {}

    started = time.monotonic()
    with entity_table(slow) as (address, _):
        with pytest.raises(UnavailableError):
            entities(address, seconds=0.2).get_many("customer", ["a"])
        assert time.monotonic() - started < 0.9
    with pytest.raises(UnavailableError):
        entities("http://127.0.0.1:1", seconds=0.2).get_many("customer", ["a"])


def test_somebody_has_to_look_when_it_is_refused() -> None:
    with entity_table(says(400, "AccessDeniedException")) as (address, asked):
        with pytest.raises(FaultError, match="AccessDenied"):
            entities(address).get_many("customer", ["a"])
        assert len(asked) == 1
    refused = pytest.raises(FaultError, match="InvalidSignature")
    with entity_table(table_of()) as (address, _), refused:
        entities(address, secret="another").get_many("customer", ["a"])
