"""Tests of whether one side exceeds another by more than a bound, against SciPy and by counting."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest
from scipy import stats
from servery.domain.distributions import t_above
from servery.domain.excess import drift_excess, mean_excess, share_excess, tail_excess
from servery.domain.intervals import moments


def chances(of: int, share: float) -> list[float]:
    return [float(stats.binom.pmf(count, of, share)) for count in range(of + 1)]


class TestShares:
    @pytest.mark.parametrize(
        ("one", "other", "chance"), [(50, 450, 0.01), (30, 30, 0.05), (8, 200, 0.0025)]
    )
    @pytest.mark.parametrize("share", [0.0, 0.02, 0.2])
    @pytest.mark.parametrize("margin", [0.0, 0.01, 0.1])
    def test_bound_is_broken_by_chance_no_more_often_than_said(
        self, one, other, chance, share, margin
    ):
        ours, theirs = chances(one, share + margin), chances(other, share)
        likely = [
            (x, y)
            for x, y in product(range(one + 1), range(other + 1))
            if ours[x] * theirs[y] > 1e-7
        ]
        broken = sum(
            ours[x] * theirs[y]
            for x, y in likely
            if share_excess((x, one), (y, other), margin) < chance
        )
        assert broken <= 1.15 * chance + 1e-4

    def test_it_is_as_likely_as_counting_says_when_there_is_no_margin(self):
        found = share_excess((10, 50), (0, 50), 0.0)
        exact = stats.barnard_exact([[10, 0], [40, 50]], alternative="greater").pvalue
        assert found == pytest.approx(exact, rel=0.7)
        assert found < 0.001

    def test_it_is_certain_when_the_share_is_within_the_margin(self):
        assert share_excess((1, 100), (0, 100), 0.01) == 1.0
        assert share_excess((0, 0), (0, 100), 0.01) == 1.0
        assert share_excess((9, 10), (0, 0), 0.01) == 1.0

    def test_it_is_impossible_when_all_fail_of_one_side_only(self):
        assert share_excess((20, 20), (0, 200), 0.01) < 1e-20
        assert share_excess((5, 5), (0, 5), 0.01) < 0.01


class TestTails:
    def test_it_is_as_likely_as_by_lot_when_both_are_alike(self):
        source = random.Random(1)  # noqa: S311 - no secret
        found = [
            tail_excess(
                [2 * source.expovariate(1) for _ in range(50)],
                [source.expovariate(1) for _ in range(450)],
                2.0,
            )
            for _ in range(400)
        ]
        assert sum(p < 0.05 for p in found) / 400 <= 0.07

    def test_it_is_unlikely_when_the_tail_is_longer(self):
        one = [9.0 + n / 100 for n in range(60)]
        other = [3.0 + n / 1000 for n in range(600)]
        assert tail_excess(one, other, 2.0) < 1e-12
        assert tail_excess(one, other, 4.0) > 0.9

    def test_few_slow_ones_do_not_count_when_the_twentieth_is_not_theirs(self):
        assert tail_excess([1.0] * 47 + [900.0] * 3, [1.0] * 450, 2.0) > 0.1

    def test_hypergeometric_distribution_says_how_likely(self):
        one, other = [10.0] * 8 + [0.0] * 42, [9.0] * 17 + [0.1] * 433
        expected = stats.hypergeom.sf(7, 500, 50, 25)
        assert tail_excess(one, other, 1.0) == pytest.approx(expected)

    def test_it_is_certain_when_a_side_has_nothing(self):
        assert tail_excess([], [1.0], 2.0) == tail_excess([1.0], [], 2.0) == 1.0


class TestDrift:
    def test_noncentral_chi_square_says_how_likely(self):
        one, other = [70.5, 29.5], [100.5, 99.5]
        shares = [(71 / 101, 101 / 201), (30 / 101, 100 / 201)]
        index = sum((p - q) * math.log(p / q) for p, q in shares)
        scale = 100 * 200 / 300
        found, p = drift_excess(one, other, 0.05)
        assert found == pytest.approx(index)
        assert p == pytest.approx(stats.ncx2.sf(index * scale, 1, 0.05 * scale))

    def test_chance_is_kept_when_few_come_of_one_distribution(self):
        source = random.Random(2)  # noqa: S311 - no secret
        broken = 0
        for _ in range(500):
            one = [0.0] * 10
            other = [0.0] * 10
            for _ in range(20):
                one[source.randrange(10)] += 1
            for _ in range(180):
                other[source.randrange(10)] += 1
            broken += drift_excess(one, other, 0.25)[1] < 0.01
        assert broken <= 5

    def test_nothing_shifts_when_there_is_one_cell_or_nobody(self):
        assert drift_excess([10], [20], 0.25) == (0.0, 1.0)
        assert drift_excess([0, 0], [20, 1], 0.25) == (0.0, 1.0)

    def test_it_is_certain_when_both_are_the_same(self):
        assert drift_excess([20, 20], [200, 200], 0.25)[1] > 0.99


class TestMeans:
    def test_welch_says_how_likely(self):
        one, other = [3.0, 4.5, 5.0, 7.0], [1.0, 2.0, 2.5, 3.0, 0.5]
        expected = stats.ttest_ind(
            [x - 1 for x in one], other, equal_var=False, alternative="greater"
        ).pvalue
        assert mean_excess(moments(one), moments(other), 1.0) == pytest.approx(expected)

    def test_difference_decides_when_nothing_varies(self):
        assert mean_excess(moments([2.0, 2.0]), moments([1.0, 1.0]), 0.5) == 0.0
        assert mean_excess(moments([2.0, 2.0]), moments([1.0, 1.0]), 1.5) == 1.0
        assert mean_excess(moments([2.0]), moments([1.0, 1.0]), 0.0) == 1.0

    @pytest.mark.parametrize("freedom", [1, 2.5, 12, 400, 1e8])
    @pytest.mark.parametrize("value", [-3.0, 0.0, 0.4, 2.2, 9.0])
    def test_students_t_is_above_a_value_as_often_as_scipy_says(self, value, freedom):
        assert t_above(value, freedom) == pytest.approx(stats.t.sf(value, freedom), rel=1e-6)
