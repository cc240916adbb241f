"""Limits while everything around them goes wrong, in simulated time."""

from __future__ import annotations

import pytest
from fakes.limiter_simulation import Simulation
from servery.domain.policies import CircuitPolicy, ConcurrencyLimit, RateLimit

AT_A_TIME, PLACES = 8, 14
CAPACITY = AT_A_TIME / 0.05
CIRCUIT = CircuitPolicy(concurrency=ConcurrencyLimit(at_once=PLACES, wait_ms=0))
SECONDS = 12


def goodput(world: Simulation, load: float) -> float:
    return len(world.offer(load * CAPACITY, SECONDS).accepted) / (SECONDS * CAPACITY)


@pytest.mark.parametrize("routing", ["recent", "random"])
def test_no_more_than_may_be_are_there_when_clocks_are_wrong(routing):
    world = Simulation(CIRCUIT, at_a_time=AT_A_TIME, wrong=0.01, routing=routing)

    assert goodput(world, 2) >= 0.9
    assert world.outcome.most <= PLACES


def test_places_of_dead_processes_come_back_when_their_leases_end():
    """A place of the dead is lost for a lease, about half a second under load."""
    world = Simulation(CIRCUIT, at_a_time=AT_A_TIME, deaths=0.03)

    assert goodput(world, 2) >= 0.9
    assert world.outcome.most <= PLACES


def test_requests_are_let_through_and_limits_come_back_when_the_table_is_gone_for_a_while():
    world = Simulation(CIRCUIT, at_a_time=AT_A_TIME)
    refused: list[int] = []

    def gone(away: bool) -> None:
        world.places.away = away
        refused.append(len(world.outcome.refused))

    world.at(5, lambda: gone(away=True))
    world.at(6, lambda: gone(away=False))
    world.offer(2 * CAPACITY, 30)

    assert world.told["LimiterErrors"] > 0
    assert len(world.outcome.accepted) + len(world.outcome.refused) == world.outcome.offered
    # In the end it is as if nothing had been: half of what comes is refused.
    assert len(world.outcome.refused) / world.outcome.offered == pytest.approx(0.5, abs=0.12)
    assert sorted(world.outcome.accepted[-300:])[-3] <= 0.11


def test_rate_and_concurrency_hold_together_when_both_are_set():
    circuit = CircuitPolicy(
        rate=RateLimit(per_second=100, burst=10),
        concurrency=ConcurrencyLimit(at_once=PLACES, wait_ms=0),
    )
    world = Simulation(circuit, at_a_time=AT_A_TIME)
    outcome = world.offer(500, SECONDS)

    assert 100 * SECONDS * 0.8 <= len(outcome.accepted) <= 100 * (SECONDS + 1) + 10
    assert outcome.most <= PLACES
    assert outcome.writes < outcome.offered
