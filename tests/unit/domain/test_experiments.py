"""Shares of keys: as the weights say, and no key moves that need not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.experiments import GRID, apportion, reassign, shares, with_segments
from servery.domain.policies import Experiment, Policies, RoutingPolicy, Segment, Variant

NAMES = ["a", "b", "c", "d"]


def owners(segments):
    """Whose each stretch of the circle is, as (start, end, variant) on the grid."""
    starts = [round(s.start * GRID) for s in segments]
    return list(zip(starts, [*starts[1:], GRID], [s.variant for s in segments], strict=True))


def moved(before, after):
    """How much of the circle has another variant, on the grid."""
    total = 0
    for start, end, variant in owners(before):
        for s, e, v in owners(after):
            if v != variant:
                total += max(0, min(e, end) - max(s, start))
    return total


@st.composite
def weights(draw):
    parts = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=4).filter(any))
    return {name: part / sum(parts) for name, part in zip(NAMES, parts, strict=False)}


def test_the_circle_is_cut_in_order_when_an_experiment_begins():
    assert reassign({"a": 0.75, "b": 0.25}) == [
        Segment(start=0.0, variant="a"),
        Segment(start=0.75, variant="b"),
    ]


def test_only_a_tenth_moves_when_a_tenth_is_shifted():
    before = reassign({"a": 0.9, "b": 0.1})
    after = reassign({"a": 0.8, "b": 0.2}, before)
    assert moved(before, after) == pytest.approx(0.1 * GRID, abs=2)
    assert len(after) == 2


def test_everything_is_as_before_when_the_weights_are():
    before = reassign({"a": 0.3, "b": 0.3, "c": 0.4})
    assert reassign({"a": 0.3, "b": 0.3, "c": 0.4}, before) == before


def test_what_a_variant_had_is_shared_out_when_it_is_taken_out():
    before = reassign({"a": 0.5, "b": 0.5})
    after = reassign({"b": 0.5, "c": 0.5}, before)
    assert after == [Segment(start=0.0, variant="c"), Segment(start=0.5, variant="b")]


@given(weights())
def test_counts_add_up_when_weights_are_shared_out(given_weights):
    counts = apportion(given_weights)
    assert sum(counts.values()) == GRID
    for name, weight in given_weights.items():
        assert abs(counts[name] - weight * GRID) <= 1


@settings(deadline=None)
@given(st.lists(weights(), min_size=1, max_size=30))
def test_no_more_moves_than_has_to_whatever_the_weights_become(changes):
    before: list[Segment] = []
    for wanted in changes:
        after = reassign(wanted, before)
        counts = apportion(wanted)
        had = {n: c for n, c in ((n, round(s * GRID)) for n, s in shares(after).items()) if c}
        assert had == {n: c for n, c in counts.items() if c}
        assert after[0].start == 0.0
        assert all(one.start < two.start for one, two in pairwise(after))
        assert all(one.variant != two.variant for one, two in pairwise(after))
        if before:
            old = {n: round(s * GRID) for n, s in shares(before).items()}
            needed = sum(max(0, count - counts.get(n, 0)) for n, count in old.items())
            assert moved(before, after) == needed
        before = after


@settings(deadline=None)
@given(st.lists(weights(), min_size=30, max_size=30))
@pytest.mark.slow
def test_the_circle_stays_in_few_parts_when_weights_change_often(changes):
    segments: list[Segment] = []
    for wanted in changes:
        segments = reassign(wanted, segments)
    assert len(segments) <= 4 * len(changes)


def policies(name="price", segments=(), **given_weights):
    variants = [Variant(name=n, version="1", weight=w) for n, w in given_weights.items()]
    experiment = Experiment(name=name, header="x-user", variants=variants, segments=list(segments))
    return Policies(routing=RoutingPolicy(experiment=experiment))


def test_segments_that_are_sent_count_for_nothing_when_policies_are_changed():
    before = with_segments(policies(a=0.5, b=0.5), Policies())
    sent = policies(a=0.6, b=0.4, segments=[Segment(start=0.0, variant="b")])
    after = with_segments(sent, before)
    assert after.routing.experiment.segments == [
        Segment(start=0.0, variant="a"),
        Segment(start=0.5, variant="b"),
        Segment(start=pytest.approx(0.9), variant="a"),
    ]


def test_the_circle_is_cut_anew_when_the_experiment_is_another():
    before = with_segments(policies(a=0.2, b=0.8), Policies())
    after = with_segments(policies(name="colour", b=0.5, a=0.5), before)
    assert [s.variant for s in after.routing.experiment.segments] == ["b", "a"]


def test_nothing_is_worked_out_when_there_is_no_experiment():
    assert with_segments(Policies(), policies(a=0.5, b=0.5)) == Policies()
