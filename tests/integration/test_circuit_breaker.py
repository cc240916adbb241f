"""The breaker on moto: Powertools' records in the table of the template."""

from __future__ import annotations

import time

import msgspec
import pytest
from fakes.failing_client import FailingClient, refused
from fakes.limiter_simulation import limited
from fakes.moto_aws import moto_table
from servery.adapters.powertools_breaker import PowertoolsBreaker
from servery.domain.policies import BreakerPolicy, CircuitPolicy
from servery.errors import (
    DeadlineExceededError,
    InvalidInputError,
    ModelServerError,
    RefusedError,
    ThrottledError,
)


class Breakers:
    """Processes with a breaker each, over one table; what is told, and a server that may fail."""

    def __init__(self, client, function: str) -> None:
        self.client = client
        self.told: list[str] = []
        policy = BreakerPolicy(failures=3, open_s=3, successes=2)
        self.deployment, self.served = limited(CircuitPolicy(breaker=policy), function)
        self.asked = 0
        self.error: Exception | None = ModelServerError("the model server failed: Crash")

    def process(self) -> PowertoolsBreaker:
        return PowertoolsBreaker(self.client, "limits", self.told.append)

    def call(self, breaker: PowertoolsBreaker) -> str:
        breaker.check(self.deployment, self.served)
        return breaker.call(self.deployment, self.served, self._ask)

    def _ask(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "answer"

    def fail(self, breaker: PowertoolsBreaker, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ModelServerError):
                self.call(breaker)


@pytest.fixture
def breakers(monkeypatch, request):
    monkeypatch.setenv("POWERTOOLS_CIRCUIT_BREAKER_DISABLED", "false")
    with moto_table(monkeypatch, "LimitsTable", "limits") as client:
        yield Breakers(client, f"server:{request.node.name}")


def wait_until_tried(breakers: Breakers, breaker: PowertoolsBreaker) -> str:
    """Call until it is let through; the breaker goes by the clock of the machine."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            return breakers.call(breaker)
        except RefusedError:
            time.sleep(0.05)
    raise AssertionError("nobody is let through")


def test_server_is_asked_no_more_when_it_failed_too_often_in_a_row(breakers):
    breaker = breakers.process()
    breakers.fail(breaker, 3)

    with pytest.raises(RefusedError, match="failed 3 times in a row") as refusal:
        breakers.call(breaker)

    assert refusal.value.reason == "breaker"
    assert refusal.value.retry_after == 3
    assert breakers.asked == 3
    assert breakers.told == ["BreakerOpened"]


def test_other_processes_know_when_one_has_opened_it(breakers):
    breakers.fail(breakers.process(), 3)

    with pytest.raises(RefusedError):
        breakers.process().check(breakers.deployment, breakers.served)


def test_other_servers_are_asked_when_it_is_open_for_one(breakers):
    breaker = breakers.process()
    breakers.fail(breaker, 3)
    breakers.error = None

    server = msgspec.structs.replace(breakers.served.server, function="server:other")
    other = msgspec.structs.replace(breakers.served, server=server)
    breaker.check(breakers.deployment, other)
    assert breaker.call(breakers.deployment, other, lambda: 7) == 7


def test_it_closes_when_the_server_has_recovered(breakers):
    breaker = breakers.process()
    breakers.fail(breaker, 3)
    breakers.error = None

    assert wait_until_tried(breakers, breaker) == "answer"
    assert [breakers.call(breaker) for _ in range(5)] == ["answer"] * 5
    assert breakers.told == ["BreakerOpened", "BreakerTried", "BreakerClosed"]


def test_it_opens_again_when_the_server_still_fails(breakers):
    breaker = breakers.process()
    breakers.fail(breaker, 3)

    with pytest.raises(ModelServerError):
        wait_until_tried(breakers, breaker)
    with pytest.raises(RefusedError):
        breakers.call(breaker)
    assert breakers.told == ["BreakerOpened", "BreakerTried", "BreakerOpened"]


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError("records[0].a is missing"),
        RefusedError("no", reason="rate"),
        ThrottledError("the platform takes no more"),
    ],
)
def test_nothing_is_counted_when_it_is_not_the_servers_failure(breakers, error):
    breaker = breakers.process()
    breakers.error = error
    for _ in range(5):
        with pytest.raises(type(error)):
            breakers.call(breaker)

    breakers.error = None
    assert breakers.call(breaker) == "answer"
    assert breakers.told == []


def test_time_outs_are_counted_when_the_server_is_slow(breakers):
    breaker = breakers.process()
    breakers.error = DeadlineExceededError("model server", 3)
    for _ in range(3):
        with pytest.raises(DeadlineExceededError):
            breakers.call(breaker)

    with pytest.raises(RefusedError):
        breakers.call(breaker)


def test_count_begins_anew_when_a_call_went_well(breakers):
    breaker = breakers.process()
    for _ in range(4):
        breakers.error = ModelServerError("crash")
        breakers.fail(breaker, 2)
        breakers.error = None
        assert breakers.call(breaker) == "answer"


def test_server_is_asked_when_the_table_is_away(breakers):
    breakers.client = FailingClient(refused("ResourceNotFoundException"))
    breakers.client.meta = None
    breaker = breakers.process()
    breakers.error = None

    assert [breakers.call(breaker) for _ in range(3)] == ["answer"] * 3
    assert breakers.told == ["BreakerErrors"]


def test_failure_of_the_server_is_what_the_caller_sees_when_the_table_is_away(breakers):
    breakers.client = FailingClient(refused("ResourceNotFoundException"))
    breaker = breakers.process()

    breakers.fail(breaker, 5)
