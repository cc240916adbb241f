from __future__ import annotations

from contextlib import ExitStack

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.limiter_simulation import limited
from fakes.limits import HandKeeper, MemoryPlaces, MemoryTokens
from servery.domain.leases import SHARD, Pace, shards
from servery.domain.policies import CircuitPolicy, ConcurrencyLimit, Policies, RateLimit
from servery.errors import RefusedError
from servery.usecases.gateway.admitting import Admissions


class Crowd:
    """Processes with a limiter each, that share a table and a clock."""

    def __init__(self, at_once: int, *, wait_ms: int = 0, rate: RateLimit | None = None) -> None:
        self.clock = SetClock()
        self.places, self.tokens = MemoryPlaces(), MemoryTokens()
        self.keepers: list[HandKeeper] = []
        self.told: list[str] = []
        self.slept: list[float] = []
        concurrency = ConcurrencyLimit(at_once=at_once, wait_ms=wait_ms)
        self.deployment, self.served = limited(CircuitPolicy(rate=rate, concurrency=concurrency))

    def process(self, name: str) -> Admissions:
        keeper = HandKeeper()
        self.keepers.append(keeper)

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clock.advance(seconds)

        return Admissions(
            self.tokens,
            self.places,
            keeper,
            self.clock,
            owner=name,
            tell=self.told.append,
            sleep=sleep,
        )

    def admit(self, process: Admissions):
        return process.admit(self.deployment, self.served)

    def serve(self, process: Admissions, seconds: float = 0.05) -> bool:
        """Have a process serve one request; whether it was let through."""
        try:
            with self.admit(process):
                self.clock.advance(seconds)
        except RefusedError as error:
            assert error.reason == "concurrency"
            return False
        finally:
            process.settle()
        return True


def test_as_many_as_may_be_are_there_when_more_want_to():
    crowd = Crowd(at_once=3)
    with ExitStack() as stack:
        for name in "abc":
            stack.enter_context(crowd.admit(crowd.process(name)))
        with pytest.raises(RefusedError, match="3 requests are being answered") as refused:
            stack.enter_context(crowd.admit(crowd.process("d")))

    assert refused.value.reason == "concurrency"
    assert refused.value.retry_after > 0


def test_one_write_is_made_for_many_requests_when_one_process_serves_them():
    crowd = Crowd(at_once=3)
    process = crowd.process("a")

    assert all(crowd.serve(process) for _ in range(30))
    writes = crowd.places.calls["take"] + crowd.places.calls["give_back"]
    assert writes <= 3


def test_refusals_cost_no_call_when_all_places_are_known_to_be_taken():
    crowd = Crowd(at_once=1)
    busy, other = crowd.process("a"), crowd.process("b")
    with crowd.admit(busy):
        assert not crowd.serve(other, 0)
        calls = crowd.places.calls.total()
        for _ in range(50):
            with pytest.raises(RefusedError):
                crowd.admit(other).__enter__()
        assert crowd.places.calls.total() == calls


def test_place_goes_to_others_when_its_process_is_not_asked_again():
    """A frozen process can give nothing back; its lease ends by itself."""
    crowd = Crowd(at_once=1)
    first, second = crowd.process("a"), crowd.process("b")
    with crowd.admit(first):
        crowd.clock.advance(0.05)  # and no `settle`: the process dies here

    assert not crowd.serve(second)
    crowd.clock.advance(2)
    assert crowd.serve(second)


def test_place_is_given_back_when_places_are_scarce_and_the_process_is_seldom_asked():
    crowd = Crowd(at_once=1)
    first, second = crowd.process("a"), crowd.process("b")

    assert crowd.serve(first)
    assert crowd.places.calls["give_back"] == 1
    assert crowd.serve(second)


def test_place_is_kept_when_the_next_request_comes_at_once():
    crowd = Crowd(at_once=1)
    process = crowd.process("a")
    for _ in range(20):
        crowd.serve(process)
    given_back = crowd.places.calls["give_back"]
    for _ in range(20):
        crowd.serve(process)

    assert crowd.places.calls["give_back"] == given_back


def test_lease_is_renewed_when_a_request_takes_longer_than_was_expected():
    crowd = Crowd(at_once=1)
    slow, other = crowd.process("a"), crowd.process("b")
    with crowd.admit(slow):
        for _ in range(200):
            crowd.clock.advance(0.05)
            crowd.keepers[0].wake(crowd.clock.now().timestamp())
            assert not crowd.serve(other, 0)
    assert crowd.told == []


def test_overrun_is_counted_when_a_lease_could_not_be_renewed_in_time():
    crowd = Crowd(at_once=1)
    stuck, other = crowd.process("a"), crowd.process("b")
    with crowd.admit(stuck):
        crowd.clock.advance(30)  # the whole process stood still
        with crowd.admit(other):
            crowd.keepers[0].wake(crowd.clock.now().timestamp())
    assert crowd.told == ["LimiterOverruns"]

    # What is lost is not used again.
    with crowd.admit(other), pytest.raises(RefusedError):
        crowd.admit(stuck).__enter__()


def test_place_is_waited_for_when_one_becomes_free_in_time():
    crowd = Crowd(at_once=1, wait_ms=50)
    first, second = crowd.process("a"), crowd.process("b")
    place = crowd.admit(first)
    place.__enter__()
    left = []

    def leave_after_20_ms(seconds: float) -> None:
        crowd.clock.advance(seconds)
        crowd.slept.append(seconds)
        if sum(crowd.slept) >= 0.02 and not left:
            left.append(place.__exit__(None, None, None))
            first.settle()

    second._places._sleep = leave_after_20_ms
    with crowd.admit(second):
        assert 0.02 <= sum(crowd.slept) <= 0.03


def test_nobody_waits_again_for_a_while_when_it_was_in_vain():
    crowd = Crowd(at_once=1, wait_ms=50)
    other = crowd.process("b")
    with crowd.admit(crowd.process("a")):
        for _ in range(5):
            with pytest.raises(RefusedError):
                crowd.admit(other).__enter__()

    assert sum(crowd.slept) == pytest.approx(0.05, abs=1e-6)


def test_requests_are_let_through_when_the_table_is_away_and_limited_when_it_is_back():
    crowd = Crowd(at_once=1)
    crowd.places.away = True
    many = [crowd.process(f"p{n}") for n in range(5)]
    with ExitStack() as stack:
        for process in many:
            stack.enter_context(crowd.admit(process))
    assert crowd.told == ["LimiterErrors"] * 5

    crowd.places.away = False
    crowd.clock.advance(6)
    with crowd.admit(many[0]), pytest.raises(RefusedError):
        crowd.admit(many[1]).__enter__()


def test_token_is_not_lost_when_there_was_no_place():
    crowd = Crowd(at_once=1, rate=RateLimit(per_second=0.001, burst=3))
    first, second = crowd.process("a"), crowd.process("b")
    with crowd.admit(first), pytest.raises(RefusedError, match="at a time"):
        crowd.admit(second).__enter__()
    first.settle()
    crowd.clock.advance(0.1)

    assert crowd.serve(second, 0)
    assert crowd.tokens.calls["draw"] == 2


def test_place_that_no_longer_exists_is_not_used_when_the_limit_was_lowered():
    crowd = Crowd(at_once=4)
    many = [crowd.process(f"p{n}") for n in range(4)]
    with ExitStack() as stack:
        for process in many:
            stack.enter_context(crowd.admit(process))
    lower = CircuitPolicy(concurrency=ConcurrencyLimit(at_once=2, wait_ms=0))
    crowd.deployment = msgspec.structs.replace(crowd.deployment, policies=Policies(circuit=lower))

    admitted = 0
    with ExitStack() as stack:
        for process in many:
            try:
                stack.enter_context(crowd.admit(process))
                admitted += 1
            except RefusedError:
                pass
    assert admitted <= 2


def test_all_places_are_used_when_there_are_more_than_one_item_holds():
    crowd = Crowd(at_once=2 * SHARD + 5)
    admitted = 0
    with ExitStack() as stack:
        for number in range(8 * SHARD):
            try:
                stack.enter_context(crowd.admit(crowd.process(f"p{number}")))
                admitted += 1
            except RefusedError:
                pass
    assert admitted == 2 * SHARD + 5


def test_shards_have_all_places_when_there_are_many():
    assert shards(1) == [1]
    assert shards(SHARD) == [SHARD]
    assert shards(SHARD + 1) == [17, 16]
    assert sum(shards(1000)) == 1000
    assert max(shards(1000)) <= SHARD


def test_pace_follows_when_requests_become_slow():
    pace = Pace()
    for turn in range(100):
        pace.begin(turn * 2.0)
        pace.end(turn * 2.0 + 2.0, 2.0)

    assert pace.service == pytest.approx(2.0, rel=0.01)
    assert pace.soon
    assert pace.lease(scarce=True) == pytest.approx(16.0, rel=0.01)
    assert pace.lease(scarce=False) == 60.0
