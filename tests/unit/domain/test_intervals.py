"""Intervals and tests of counts, against scipy, and against how often they are right."""

from __future__ import annotations

import math
import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servery.domain.distributions import chi_square_above, t_quantile
from servery.domain.intervals import (
    Interval,
    Moments,
    bootstrap,
    misfit,
    moments,
    newcombe,
    quantile,
    welch,
    wilson,
)

CLOSE = {"rel": 1e-9, "abs": 1e-12}


class TestDistributions:
    @given(st.floats(1e-6, 1 - 1e-6), st.floats(0.5, 1e6))
    @settings(max_examples=200, deadline=None)
    def test_t_is_that_of_scipy(self, probability, freedom):
        expected = stats.t.ppf(probability, freedom)
        assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-7, abs=2e-8)

    @pytest.mark.parametrize("freedom", [0.5, 3, 1000, 129533, 9e6])
    @pytest.mark.parametrize("off", [1e-12, 1e-9, 5.137097046287e-05, 1e-2])
    def test_t_is_that_of_scipy_when_it_is_next_to_the_middle(self, off, freedom):
        probability = 0.5 + off
        expected = (probability - 0.5) / stats.t.pdf(0, freedom)
        assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-3)

    def test_t_is_normal_when_there_are_very_many(self):
        assert t_quantile(0.975, 1e9) == pytest.approx(stats.norm.ppf(0.975), rel=1e-9)

    @given(st.floats(0, 500), st.integers(1, 50))
    @settings(max_examples=200, deadline=None)
    def test_chi_square_is_that_of_scipy(self, value, freedom):
        expected = stats.chi2.sf(value, freedom)
        assert chi_square_above(value, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-13)


class TestWilson:
    @given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    @settings(max_examples=100, deadline=None)
    def test_share_is_that_of_scipy(self, counted):
        expected = stats.binomtest(*counted).proportion_ci(0.95, method="wilson")
        found = wilson(*counted)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), **CLOSE)

    def test_ends_are_exact_when_all_or_none_hit(self):
        assert wilson(0, 10).low == 0.0
        assert wilson(10, 10).high == 1.0

    def test_nothing_when_there_was_nothing(self):
        assert wilson(0, 0) is None


class TestNewcombe:
    @pytest.mark.parametrize(
        ("one", "other", "low", "high"),
        [  # Newcombe 1998, table II, method 10
            ((48, 80), (56, 70), 0.0524, 0.3339),
            ((3, 10), (9, 10), 0.1705, 0.8090),
            ((2, 7), (6, 7), 0.0582, 0.8062),
            ((0, 29), (5, 56), -0.0381, 0.1926),
            ((0, 20), (0, 10), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((0, 20), (10, 10), 0.6791, 1.0),
            ((0, 10), (10, 10), 0.6075, 1.0),
        ],
    )
    def test_interval_is_that_of_the_paper(self, one, other, low, high):
        found = newcombe(one, other)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
        assert found.value == pytest.approx(other[0] / other[1] - one[0] / one[1])

    def test_nothing_when_a_side_has_nothing(self):
        assert newcombe((0, 0), (1, 2)) is None


values = st.lists(st.floats(-1e3, 1e3).map(lambda v: round(v, 3)), min_size=2, max_size=40)


class TestWelch:
    @given(values, values)
    @settings(max_examples=100, deadline=None)
    def test_interval_is_that_of_scipy(self, one, other):
        found = welch(moments(one), moments(other))
        if np.ptp(one) == 0 and np.ptp(other) == 0:
            assert found.low == found.value == found.high
            return
        expected = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx(
            (expected.low, expected.high), rel=1e-6, abs=1e-6
        )

    def test_nothing_when_a_side_has_one_value(self):
        assert welch(moments([1.0]), moments([1.0, 2.0])) is None

    def test_moments_are_those_of_numpy(self):
        drawn = np.random.default_rng(1).normal(5, 2, 1000)
        found = moments(list(drawn))
        assert found.variance == pytest.approx(drawn.var(ddof=1))
        assert found.mean == pytest.approx(drawn.mean())
        assert math.isnan(Moments(1, 2.0).variance)


class TestBootstrap:
    def test_interval_is_about_that_of_scipy_when_each_group_has_one_member(self):
        source = np.random.default_rng(2)
        one, other = source.normal(0, 1, 300), source.normal(0.5, 2, 200)
        found = bootstrap([(v, 1) for v in one], [(v, 1) for v in other])
        expected = stats.bootstrap(
            (other, one),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            method="percentile",
            rng=np.random.default_rng(3),
        ).confidence_interval
        assert found.low == pytest.approx(expected.low, abs=0.03)
        assert found.high == pytest.approx(expected.high, abs=0.03)

    def test_interval_is_wider_than_newcombe_says_when_members_of_a_group_are_alike(self):
        """Ten requests of one key that all go the same way tell no more than one does."""
        source = Random(4)  # noqa: S311

        def side(share):
            return [(10.0 * (source.random() < share), 10.0) for _ in range(200)]

        one, other = side(0.5), side(0.5)
        hits = [(int(sum(h for h, _ in s)), 2000) for s in (one, other)]
        plain, found = newcombe(*hits), bootstrap(one, other)
        assert found.high - found.low > 2.5 * (plain.high - plain.low)

    def test_truth_is_inside_about_as_often_as_said(self):
        source = Random(5)  # noqa: S311
        inside = 0
        for trial in range(100):
            one, other = (
                [(sum(source.random() < p for _ in range(3)), 3.0) for _ in range(60)]
                for p in (0.6, 0.7)
            )
            found = bootstrap(one, other, resamples=300, seed=trial)
            inside += found.low <= 0.1 <= found.high
        assert inside >= 86  # of 95 expected; fewer than 86 happen once in 10,000 times

    def test_root_is_taken_of_the_mean_when_errors_are_squared(self):
        groups = [(4.0, 1.0), (4.0, 1.0)]
        found = bootstrap(groups, [(9.0, 1.0), (9.0, 1.0)], figure=math.sqrt)
        assert found == Interval(1.0, 1.0, 1.0)

    def test_same_interval_when_it_is_drawn_again(self):
        one, other = [(1.0, 2.0), (2.0, 2.0), (0.0, 1.0)], [(1.0, 1.0), (2.0, 3.0)]
        assert bootstrap(one, other) == bootstrap(one, other)

    def test_nothing_when_there_is_nothing_to_draw(self):
        assert bootstrap([(1.0, 1.0)], [(1.0, 1.0), (2.0, 1.0)]) is None
        assert bootstrap([(0.0, 0.0)] * 2, [(1.0, 1.0), (2.0, 1.0)]) is None

    def test_it_is_quick_when_there_are_a_thousand_groups(self):
        groups = [(float(n % 7), 7.0) for n in range(1000)]
        started = time.perf_counter()
        bootstrap(groups, groups)
        assert time.perf_counter() - started < 20  # a second or two; a mistake would be minutes


class TestMisfit:
    @given(st.lists(st.integers(0, 500), min_size=2, max_size=5).filter(any))
    @settings(max_examples=100, deadline=None)
    def test_probability_is_that_of_scipy(self, counts):
        shares = [(n + 1) / sum(range(1, len(counts) + 1)) for n in range(len(counts))]
        expected = stats.chisquare(counts, [sum(counts) * s for s in shares]).pvalue
        assert misfit(counts, shares) == pytest.approx(expected, rel=1e-7, abs=1e-12)

    def test_impossible_when_somebody_is_where_nobody_can_be(self):
        assert misfit([5, 1], [1.0, 0.0]) == 0.0

    def test_anything_fits_when_there_is_one_choice_or_nobody(self):
        assert misfit([5, 0], [1.0, 0.0]) == 1.0
        assert misfit([0, 0], [0.5, 0.5]) == 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_quantile_is_that_of_numpy(drawn, share):
    assert quantile(sorted(drawn), share) == pytest.approx(np.quantile(drawn, share), abs=1e-6)


def test_difference_is_clear_when_zero_is_outside():
    assert Interval(0.1, 0.05, 0.2).clear
    assert Interval(-0.1, -0.2, -0.05).clear
    assert not Interval(0.1, -0.05, 0.2).clear
