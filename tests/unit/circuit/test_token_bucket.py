from __future__ import annotations

import random

import pytest
from fakes.clock import SetClock
from fakes.limits import MemoryTokens
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.policies import RateLimit
from servery.domain.token_bucket import Bucket, window_end
from servery.errors import RefusedError
from servery.usecases.gateway.limits import Shared
from servery.usecases.gateway.rates import Rates


def asked(rates: Rates, limit: RateLimit) -> bool:
    try:
        rates.take("iris", limit)
    except RefusedError as error:
        assert error.reason == "rate"
        return False
    return True


def processes(number: int, table: MemoryTokens, clock: SetClock) -> list[Rates]:
    return [Rates(table, Shared(clock, lambda _: None)) for _ in range(number)]


def test_slice_is_one_token_when_the_rate_is_low():
    assert Bucket(20, 1).largest == 1
    assert Bucket(0.1, 1).largest == 1
    assert Bucket(1000, 1).largest == 50


def test_slice_is_small_when_the_process_is_seldom_asked():
    bucket = Bucket(1000, 1)
    assert bucket.slice(gap=1.0, now=10.0) == 1
    assert bucket.slice(gap=0.05, now=10.0) == 5
    assert bucket.slice(gap=0.0001, now=10.0) == 50


def test_slice_is_no_more_than_is_used_when_the_window_is_nearly_over():
    assert Bucket(1000, 1).slice(gap=0.01, now=10.95) == 5
    assert Bucket(1000, 1).slice(gap=0.01, now=10.999) == 1


def test_bucket_holds_a_slice_when_its_burst_is_smaller():
    assert Bucket(1000, 1).size == 50
    assert Bucket(1000, 70).size == 70


@given(
    rate=st.floats(0.5, 500),
    burst=st.integers(1, 100),
    crowd=st.integers(1, 12),
    gaps=st.lists(st.floats(0, 0.2), min_size=1, max_size=400),
    seed=st.integers(0, 9),
)
def test_no_second_admits_more_than_its_tokens_when_any_process_is_asked_at_any_time(
    rate, burst, crowd, gaps, seed
):
    clock, table, draw = SetClock(), MemoryTokens(), random.Random(seed)  # noqa: S311
    all_of_them = processes(crowd, table, clock)
    limit = RateLimit(per_second=rate, burst=burst)
    admitted: dict[float, int] = {}
    for gap in gaps:
        clock.advance(gap)
        if asked(draw.choice(all_of_them), limit):
            second = window_end(clock.now().timestamp())
            admitted[second] = admitted.get(second, 0) + 1

    size = Bucket(rate, burst).size
    assert all(number <= rate + size + 1e-6 for number in admitted.values())
    # Over any time: what flowed in, what was there, and what a window kept from before.
    assert sum(admitted.values()) <= rate * (sum(gaps) + 1) + size + 1e-6


@pytest.mark.parametrize("crowd", [1, 4, 16])
def test_at_most_a_sixth_is_admitted_too_little_when_all_that_is_asked_is_twice_the_rate(crowd):
    """The bound for too little: what slices still held when their second was over."""
    clock, table, draw = SetClock(), MemoryTokens(), random.Random(1)  # noqa: S311
    all_of_them = processes(crowd, table, clock)
    limit = RateLimit(per_second=100, burst=1)
    admitted = 0
    for _ in range(2000):
        clock.advance(draw.expovariate(200))
        admitted += asked(draw.choice(all_of_them), limit)

    assert 100 * 10 * 5 / 6 <= admitted <= 100 * 11 + 5


def test_far_fewer_writes_than_requests_are_made_when_one_process_is_asked_often():
    clock, table = SetClock(), MemoryTokens()
    [rates] = processes(1, table, clock)
    limit = RateLimit(per_second=1000, burst=50)
    for _ in range(1000):
        clock.advance(0.002)
        assert asked(rates, limit)

    assert table.calls["draw"] < 80


def test_refusals_cost_no_call_when_the_bucket_is_known_to_be_empty():
    clock, table = SetClock(), MemoryTokens()
    [rates] = processes(1, table, clock)
    limit = RateLimit(per_second=1, burst=3)
    assert [asked(rates, limit) for _ in range(4)] == [True, True, True, False]
    calls = table.calls.total()

    assert not any(asked(rates, limit) for _ in range(100))
    assert table.calls.total() == calls
    clock.advance(1.01)
    assert asked(rates, limit)


def test_nobody_waits_for_the_slow_bucket_to_fill_when_the_rate_is_raised():
    clock, table = SetClock(), MemoryTokens()
    rates, other = processes(2, table, clock)
    slow = RateLimit(per_second=0.01, burst=20)
    assert [asked(rates, slow) for _ in range(21)] == [True] * 20 + [False]

    clock.advance(2)
    fast = RateLimit(per_second=100, burst=5)
    assert asked(other, fast)
    assert asked(rates, fast)


def test_caller_is_told_when_to_try_again_when_refused():
    clock, table = SetClock(), MemoryTokens()
    [rates] = processes(1, table, clock)
    limit = RateLimit(per_second=0.5, burst=1)
    assert asked(rates, limit)

    with pytest.raises(RefusedError, match=r"more than 0.5 requests a second") as refused:
        rates.take("iris", limit)

    assert refused.value.retry_after == pytest.approx(2.0, abs=0.01)


def test_requests_are_let_through_and_that_is_counted_when_the_table_is_away():
    clock, table, told = SetClock(), MemoryTokens(), []
    rates = Rates(table, Shared(clock, told.append))
    limit = RateLimit(per_second=1, burst=1)
    table.away = True

    assert all(asked(rates, limit) for _ in range(50))
    assert told == ["LimiterErrors"]
    assert table.calls["draw"] == 1

    table.away = False
    clock.advance(5)
    assert [asked(rates, limit) for _ in range(3)] == [True, False, False]


def test_another_rate_is_in_force_at_once_when_the_policy_changes():
    clock, table = SetClock(), MemoryTokens()
    [rates] = processes(1, table, clock)
    assert asked(rates, RateLimit(per_second=1, burst=1))
    assert not asked(rates, RateLimit(per_second=1, burst=1))

    assert asked(rates, RateLimit(per_second=100, burst=200))


def test_faster_rate_does_not_wait_for_a_slower_one_when_the_policy_changes():
    clock, table = SetClock(), MemoryTokens()
    [rates] = processes(1, table, clock)
    slow = RateLimit(per_second=0.02, burst=10)
    assert [asked(rates, slow) for _ in range(11)] == [True] * 10 + [False]
    clock.advance(1)

    fast = RateLimit(per_second=100, burst=100)

    assert all(asked(rates, fast) for _ in range(100))
