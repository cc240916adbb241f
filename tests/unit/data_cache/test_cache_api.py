"""Caches over HTTP, and the event that warms one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.api_calls import call
from fakes.cache_plant import CachePlant
from fakes.signatures import FLOWER, FLOWERS
from fakes.warm_plant import WarmPlant
from servery.domain.policies import CachePolicy
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.data_cache.serving import SERVICE, CacheApi
from servery.edge.data_cache.warming import MARGIN_SECONDS, WarmEvent, carry_out, seconds_left
from servery.edge.routes import ROUTES
from servery.edge.telemetry import Telemetry


@pytest.fixture
def plant() -> WarmPlant:
    return WarmPlant(CachePlant(FLOWERS, CachePolicy()))


def ask(plant: WarmPlant, method: str, path: str, **more: Any) -> Any:
    calls = CacheApi(plant.desk).calls()
    api = Api(SERVICE, calls, cors=Cors(""), telemetry=Telemetry(SERVICE))
    return call(api, method, path, **more)


def test_every_route_is_answered_and_nothing_else(plant: WarmPlant) -> None:
    routes = {route.name for route in ROUTES if route.room == "data_cache"}
    assert set(CacheApi(plant.desk).calls()) == routes


def test_it_is_taken_and_told_when_a_cache_is_warmed(plant: WarmPlant) -> None:
    plant.log({"records": [FLOWER]})
    taken = ask(plant, "POST", "/models/iris/cache/warm", body={"from": "lake", "days": 1})
    where = taken.headers["location"]
    assert (taken.status, taken.headers["retry-after"]) == (202, "1")
    assert taken.body["state"] == "running"

    told = ask(plant, "GET", f"/models/iris/cache/{where}")
    assert told.headers["retry-after"] == "1"
    plant.carry_out(taken.body["id"])
    told = ask(plant, "GET", f"/models/iris/cache/{where}")

    assert told.body["coverage"] == {"rows": 1.0, "asked": 1.0}
    assert "retry-after" not in told.headers
    shown = ask(plant, "GET", "/models/iris/cache")
    assert shown.body["warm_up"] == told.body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "moon"}, "from"),
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"from": "batch"}, "batch"),
        ({"hours": 1}, "hours"),
    ],
)
def test_field_is_named_when_it_is_not_acceptable(
    plant: WarmPlant, body: dict[str, Any], field: str
) -> None:
    refused = ask(plant, "POST", "/models/iris/cache/warm", body=body)
    assert refused.status == 422
    assert [e["field"] for e in refused.body["errors"]] == [field]
    assert not plant.started


def test_nothing_is_found_when_there_is_none(plant: WarmPlant) -> None:
    assert ask(plant, "GET", "/models/wine/cache").status == 404
    assert ask(plant, "GET", "/models/iris/cache/warm/none").status == 404
    assert ask(plant, "GET", "/models/iris/cache?days=1").status == 422


def test_coverage_is_a_metric_when_a_cache_was_warmed(
    plant: WarmPlant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.log({"records": [FLOWER]})
    taken = ask(plant, "POST", "/models/iris/cache/warm", body={})
    event = WarmEvent(model="iris", warm_up=taken.body["id"])
    carry_out(event, lambda _, warm_up: plant.carry_out(warm_up))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (told,) = [line for line in lines if "WarmUpCoverage" in line]
    assert (told["WarmUpCoverage"], told["WarmUpPredicted"], told["model"]) == (100.0, 1, "iris")


def test_error_is_told_and_recorded_when_nobody_had_thought_of_it(plant: WarmPlant) -> None:
    plant.log({"records": [FLOWER]})
    taken = ask(plant, "POST", "/models/iris/cache/warm", body={})

    def broken(_: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError

    plant.plant.servers.answer = broken
    event = WarmEvent(model="iris", warm_up=taken.body["id"])
    with pytest.raises(ZeroDivisionError):
        carry_out(event, lambda _, warm_up: plant.carry_out(warm_up))
    assert plant.desk.get("iris", taken.body["id"]).state == "failed"


def test_time_ends_before_the_functions_own_when_lambda_says_how_long() -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
    assert seconds_left(context) == 300 - MARGIN_SECONDS
    assert seconds_left(None) > 0
