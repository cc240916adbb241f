"""The limiter under load, in simulated time: what the benchmark shows in real time."""

from __future__ import annotations

import pytest
from fakes.limiter_simulation import Outcome, Simulation
from servery.domain.policies import CircuitPolicy, ConcurrencyLimit

SERVICE, AT_A_TIME, PLACES = 0.05, 8, 14
CAPACITY = AT_A_TIME / SERVICE
CIRCUIT = CircuitPolicy(concurrency=ConcurrencyLimit(at_once=PLACES, wait_ms=0))


def offer(load: float, seconds: float = 12, circuit: CircuitPolicy = CIRCUIT, **more) -> Outcome:
    return Simulation(circuit, at_a_time=AT_A_TIME, **more).offer(load * CAPACITY, seconds)


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


@pytest.mark.parametrize("load", [1, 2, 5, 10])
def test_goodput_and_latency_hold_when_more_is_asked_than_the_server_takes(load):
    outcome = offer(load, seconds=30 / load**0.5)

    assert len(outcome.accepted) / (30 / load**0.5 * CAPACITY) >= 0.9
    assert p99(outcome.accepted) <= 2 * p99(offer(0.1, 30).accepted)
    assert outcome.most <= PLACES
    assert outcome.writes < outcome.offered


@pytest.mark.parametrize("load", [2, 5])
def test_goodput_holds_when_requests_go_to_any_process(load):
    outcome = offer(load, routing="random")

    assert len(outcome.accepted) / (12 * CAPACITY) >= 0.9
    assert outcome.most <= PLACES
    assert outcome.writes < outcome.offered / 2


@pytest.mark.parametrize("load", [1, 5])
def test_the_bound_holds_when_service_times_vary(load):
    outcome = offer(load, service=lambda random: random.lognormvariate(-3.12, 0.5))

    assert outcome.most <= PLACES
    assert len(outcome.accepted) / (12 * CAPACITY) >= 0.85


def test_few_writes_are_made_when_there_is_little_to_do():
    outcome = offer(0.1, 60)

    assert not outcome.refused
    assert outcome.writes < outcome.offered / 4
