"""The rows of a process take no more memory than they may, and no longer."""

from __future__ import annotations

import os
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.answered_rows import AnsweredRow
from servery.domain.cached_rows import CachedRow
from servery.usecases.data_cache.hot_tier import HotTier, HotTiers, size_of


def row(number: int, size: int = 100) -> CachedRow:
    key = number.to_bytes(32)
    return CachedRow(f"iris#{number}", key, AnsweredRow(os.urandom(size), ""), 1.0, 2.0)


def test_bytes_that_are_counted_are_no_fewer_than_those_that_are_taken():
    for size in (20, 300, 5000):
        tier = HotTier()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            tier.put(row(number, size), now=float(number), most=10**9)
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()

        assert taken <= tier.bytes <= 2 * taken


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
@settings(deadline=None)
def test_tier_is_never_larger_than_it_may_be(puts):
    tier, kept = HotTier(), {}
    for now, (number, size) in enumerate(puts):
        kept[number] = row(number, size)
        tier.put(kept[number], now=float(now), most=5000)

        assert tier.bytes <= 5000
        found = [tier.get(k.key, now=float(now), seconds=1000.0) for k in kept.values()]
        assert tier.bytes == sum(size_of(f) for f in found if f is not None)


def test_row_that_was_asked_for_the_longest_ago_goes_first():
    tier, most = HotTier(), 3 * size_of(row(1))
    for number in (1, 2, 3):
        tier.put(row(number), now=0.0, most=most)
    tier.get(row(1).key, now=0.0, seconds=1.0)
    tier.put(row(4), now=0.0, most=most)

    here = [n for n in (1, 2, 3, 4) if tier.get(row(n).key, now=0.0, seconds=1.0)]
    assert here == [1, 3, 4]


def test_row_is_not_given_when_it_has_been_here_too_long():
    tier = HotTier()
    tier.put(row(1), now=10.0, most=10_000)

    assert tier.get(row(1).key, now=14.9, seconds=5.0) is not None
    assert tier.get(row(1).key, now=15.0, seconds=5.0) is None
    assert tier.bytes == 0


def test_models_are_bounded_together_and_never_meet():
    one = size_of(row(1))
    tiers = HotTiers(most_bytes=2 * one)
    for model in ("a", "b"):
        tiers.put(model, [row(1)], now=0.0, most=10_000)
    assert tiers.get("c", [row(1).key], now=0.0, seconds=1.0) == {}
    tiers.get("a", [row(1).key], now=0.0, seconds=1.0)
    tiers.put("c", [row(2)], now=0.0, most=10_000)

    assert tiers.get("b", [row(1).key], now=0.0, seconds=1.0) == {}
    assert len(tiers.get("a", [row(1).key], now=0.0, seconds=1.0)) == 1
