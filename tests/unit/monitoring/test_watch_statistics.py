"""Tests and bounds of drift: what scipy says, and how often there is a false alarm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servery.domain.baseline import CategoricalBaseline
from servery.domain.columns import Values
from servery.domain.distributions import (
    binomial_at_least,
    binomial_at_most,
    hypergeometric_at_least,
    kolmogorov_above,
    poisson_at_least,
    poisson_at_most,
)
from servery.domain.signature import Dtype
from servery.usecases.monitoring.watch.columns import (
    CategoryColumn,
    NumberColumn,
    Table,
    as_text,
    column_of,
)
from servery.usecases.monitoring.watch.statistics import (
    LEAST_EXPECTED,
    distance_probability,
    holm,
    homogeneity,
    neighbours_pooled,
    psi,
    psi_bound,
    rare_pooled,
)
from servery.usecases.training.statistics import describe_categories, describe_numbers

shares = st.floats(0.001, 0.999)
sizes = st.integers(1, 100_000)
counts = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def close(value):
    return pytest.approx(value, rel=1e-6, abs=1e-12)


def numbers(values, nulls=None):
    gone = np.zeros(len(values), np.bool_) if nulls is None else nulls
    return describe_numbers(Values(Dtype.FLOAT, np.asarray(values, np.float64), gone))


def filled(column, values, places=None):
    where = np.zeros(len(values), np.intp) if places is None else np.array(places)
    column.count(list(values), where, np.ones(len(values)))
    return column


class TestTails:
    @given(data=st.data(), of=sizes, share=shares)
    def test_binomial_is_scipys_when_hits_are_counted(self, data, of, share):
        hits = data.draw(st.integers(0, of))
        assert binomial_at_least(hits, of, share) == close(stats.binom.sf(hits - 1, of, share))
        assert binomial_at_most(hits, of, share) == close(stats.binom.cdf(hits, of, share))

    @given(count=st.integers(-1, 5000), mean=st.floats(0.001, 5000))
    def test_poisson_is_scipys_when_events_are_counted(self, count, mean):
        assert poisson_at_least(count, mean) == close(stats.poisson.sf(count - 1, mean))
        assert poisson_at_most(count, mean) == close(stats.poisson.cdf(count, mean))

    @given(data=st.data(), drawn=st.integers(1, 3000), rest=st.integers(1, 3000))
    def test_hypergeometric_is_scipys_when_hits_are_drawn(self, data, drawn, rest):
        hits, others = data.draw(st.integers(0, drawn)), data.draw(st.integers(0, rest))
        wanted = stats.hypergeom.sf(hits - 1, drawn + rest, hits + others, drawn)
        assert hypergeometric_at_least(hits, drawn, others, rest) == pytest.approx(
            wanted, rel=1e-6, abs=1e-9
        )

    def test_tails_are_far_out_when_chance_is_small(self):
        assert binomial_at_least(60, 200, 0.05) == close(stats.binom.sf(59, 200, 0.05))
        assert poisson_at_least(60, 10) == pytest.approx(stats.poisson.sf(59, 10), rel=1e-6)
        assert hypergeometric_at_least(50, 200, 0, 200) == pytest.approx(
            stats.hypergeom.sf(49, 400, 50, 200), rel=1e-6
        )

    @given(hits=st.integers(5, 9))
    def test_impossible_has_no_chance_when_there_are_more_hits_than_draws(self, hits):
        assert binomial_at_least(hits, 4, 0.5) == 0

    @pytest.mark.parametrize("size", [50, 500, 5000])
    @pytest.mark.parametrize("scaled", [0.1, 0.5, 1.0, 1.5, 2.5])
    def test_kolmogorov_is_scipys_when_samples_are_not_small(self, size, scaled):
        distance = scaled / size**0.5
        wanted = stats.kstwo.sf(distance, size)
        assert kolmogorov_above(distance, size) == pytest.approx(wanted, rel=0.06, abs=1e-4)


class TestHomogeneity:
    @given(baseline=counts, data=st.data())
    def test_chi_square_is_scipys_when_every_cell_has_members(self, baseline, data):
        window = data.draw(
            st.lists(st.integers(1, 500), min_size=len(baseline), max_size=len(baseline))
        )
        old, new = np.array(baseline, float) + 1, np.array(window, float)
        wanted = stats.chi2_contingency([old, new], correction=False).pvalue
        assert homogeneity(old, new) == pytest.approx(wanted, rel=1e-5, abs=1e-12)

    def test_nothing_is_said_when_there_is_one_cell_or_no_request(self):
        assert homogeneity(np.array([5.0]), np.array([9.0])) == 1
        assert homogeneity(np.array([5.0, 5.0]), np.zeros(2)) == 1

    @given(baseline=counts, data=st.data())
    def test_index_is_symmetric_and_not_negative_when_samples_change_places(self, baseline, data):
        window = data.draw(
            st.lists(st.integers(0, 500), min_size=len(baseline), max_size=len(baseline))
        )
        old, new = np.array(baseline, float), np.array(window, float)
        assert psi(old, new) == pytest.approx(psi(new, old))
        assert psi(old, new) >= 0
        assert psi(old, old) == 0

    def test_index_is_its_definition_when_worked_out_by_hand(self):
        old, new = np.array([49.5, 49.5]), np.array([24.5, 74.5])
        by_hand = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
        assert psi(old, new) == pytest.approx(by_hand)

    def test_index_has_the_mean_that_is_said_when_nothing_drifts(self):
        source = np.random.default_rng(1)
        n, m, cells = 400, 1000, 10
        found = [
            psi(source.multinomial(m, [0.1] * cells) + 0.0, source.multinomial(n, [0.1] * cells))
            for _ in range(2000)
        ]
        assert np.mean(found) == pytest.approx(psi_bound(0, cells, n, m), rel=0.05)
        scaled = np.array(found) / (1 / n + 1 / m)
        assert np.mean(scaled > stats.chi2.isf(0.05, cells - 1)) == pytest.approx(0.05, abs=0.015)


class TestPooling:
    @given(baseline=counts, data=st.data())
    def test_members_are_kept_and_enough_when_neighbours_are_put_together(self, baseline, data):
        window = data.draw(
            st.lists(st.integers(0, 500), min_size=len(baseline), max_size=len(baseline))
        )
        old, new = np.array(baseline, float), np.array(window, float)
        cells = neighbours_pooled(old, new)
        assert [i for cell in cells for i in range(len(old))[cell]] == list(range(len(old)))
        if len(cells) > 1 and old.sum() and new.sum():
            both = np.array([(old + new)[cell].sum() for cell in cells])
            least = both * min(old.sum(), new.sum()) / (old.sum() + new.sum())
            assert (least >= LEAST_EXPECTED * (1 - 1e-9)).all()

    @given(baseline=counts, data=st.data())
    def test_members_are_kept_and_enough_when_rare_ones_are_put_together(self, baseline, data):
        window = data.draw(
            st.lists(st.integers(0, 500), min_size=len(baseline), max_size=len(baseline))
        )
        old, new = np.array(baseline, float), np.array(window, float)
        pooled = rare_pooled(old, new)
        if len(pooled[0]) > 1 and old.sum() and new.sum():
            assert [each.sum() for each in pooled] == [old.sum(), new.sum()]
            least = sum(pooled) * min(old.sum(), new.sum()) / (old.sum() + new.sum())
            assert (least >= LEAST_EXPECTED * (1 - 1e-9)).all()


class TestHolm:
    def test_smallest_fall_when_each_is_below_its_share_of_the_chance(self):
        assert holm([0.04, 0.011, 0.001], 0.05) == [True, True, True]
        assert holm([0.04, 0.03, 0.001], 0.05) == [False, False, True]
        assert holm([0.018, 0.2, 0.3], 0.05) == [False, False, False]
        assert holm([], 0.05) == []

    def test_any_falls_as_seldom_as_allowed_when_all_are_true(self):
        source = np.random.default_rng(3)
        wrong = [any(holm(source.random(30).tolist(), 0.1)) for _ in range(3000)]
        assert np.mean(wrong) == pytest.approx(0.1, abs=0.02)


class TestNumbers:
    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 1000), shift=st.floats(-1, 1), rows=st.integers(80, 1500))
    def test_distance_is_scipys_or_a_little_less_when_samples_are_compared(self, seed, shift, rows):
        source = np.random.default_rng(seed)
        old, new = source.normal(0, 1, rows), source.normal(shift, 1, 600)
        column = filled(NumberColumn(numbers(old), 1), new)
        wanted = stats.ks_2samp(old.astype(np.float32), new.astype(np.float32)).statistic
        found = column.distances()[0]
        assert found <= wanted + 1e-9
        assert found >= wanted - 0.06

    @settings(max_examples=40, deadline=None)
    @given(values=st.lists(st.integers(0, 12), min_size=20, max_size=300))
    def test_nothing_has_moved_when_the_window_is_the_training(self, values):
        column = filled(NumberColumn(numbers(np.array(values) / 10), 1), [v / 10 for v in values])
        _, old, new = column.histograms()
        assert old.tolist() == new[0].tolist()
        assert column.distances()[0] == 0

    def test_values_meet_their_cuts_when_files_have_32_bits_and_requests_64(self):
        written = np.repeat(np.float32([0.1, 0.2, 0.3, 5.1]), 25).astype(np.float64)
        column = filled(NumberColumn(numbers(written), 1), [0.1, 0.2, 0.3, 5.1] * 25)
        _, old, new = column.histograms()
        assert old.tolist() == new[0].tolist()

    def test_bins_are_those_of_the_training_when_values_lie_outside(self):
        column = NumberColumn(numbers([float(i) for i in range(1, 101)]), 1)
        labels, old, new = filled(column, [-5.0, 1.0, 50.0, 100.0, 200.0]).histograms()
        assert (labels[0], labels[-1]) == ("<= 1", "> 100")
        assert old.tolist() == [0, *[10] * 10, 0]
        assert new[0].tolist() == [1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1]

    def test_longer_windows_have_what_shorter_ones_have_when_counted(self):
        column = NumberColumn(numbers([0.0, 1.0] * 50), 3)
        filled(column, [0.0, 1.0, 1.0, None], [0, 1, 2, 2])
        _, _, new = column.histograms()
        assert new.sum(axis=1).tolist() == [1, 2, 3]
        assert column.nulls.tolist() == [0, 0, 1]
        assert column.sums.tolist() == [0, 1, 1]

    def test_false_alarms_are_as_seldom_as_said_when_nothing_drifts(self):
        """Of two samples: the training is one too, and a small one here."""
        source = np.random.default_rng(11)
        falls = {"ks": 0, "chi_square": 0}
        runs = 600
        for _ in range(runs):
            column = NumberColumn(numbers(source.normal(0, 1, 112)), 1)
            filled(column, source.normal(0, 1, 200))
            falls["ks"] += distance_probability(float(column.distances()[0]), 200, 112) < 0.05
            _, old, new = column.histograms()
            cells = neighbours_pooled(old, new[0])
            pooled = [np.array([s[cell].sum() for cell in cells]) for s in (old, new[0])]
            falls["chi_square"] += homogeneity(*pooled) < 0.05
        assert 0.01 < falls["ks"] / runs < 0.06
        assert 0.01 < falls["chi_square"] / runs < 0.06


class TestCategories:
    def test_unknown_ones_count_as_others_when_the_training_had_none(self):
        baseline = CategoricalBaseline(
            count=10, nulls=0.0, frequencies={"a": 6, "b": 4}, distinct=2
        )
        names, old, new = filled(CategoryColumn(baseline, 1), ["a", "c", None, "d"]).histograms()
        assert names == ["a", "b", "other"]
        assert (old.tolist(), new[0].tolist()) == ([6, 4, 0], [1, 0, 2])

    @pytest.mark.parametrize(
        ("value", "text"), [(True, "true"), (3, "3"), (3.0, "3"), (3.5, "3.5"), ("x", "x")]
    )
    def test_text_is_the_baselines_when_values_come_from_requests(self, value, text):
        assert as_text(value) == text

    def test_names_are_found_when_the_baseline_was_described_by_the_training(self):
        values = Values(Dtype.BOOL, np.array([True, False, True]), np.zeros(3, np.bool_))
        column = filled(CategoryColumn(describe_categories(values), 1), [True, False, True])
        assert column.counts.tolist() == [[2, 1, 0]]


class TestTable:
    def test_requests_weigh_one_when_they_have_many_rows(self):
        column = NumberColumn(numbers([0.0, 1.0] * 50), 1)
        table = Table({"x": column})
        table.add(0, 4, {"x": [0.0, 0.0, 0.0, 1.0]})
        table.add(0, 1, {"x": [1.0]})
        table.flush()
        _, _, new = column.histograms()
        assert new[0].sum() == pytest.approx(2)
        assert sorted(each for each in new[0].tolist() if each) == pytest.approx([0.75, 1.25])

    def test_rows_are_counted_when_there_are_more_than_are_held(self):
        column = NumberColumn(numbers([0.0, 1.0] * 50), 1)
        table = Table({"x": column})
        for _ in range(5):
            table.add(0, 4000, {"x": [1.0] * 4000})
        assert column.counts.sum() > 0
        table.flush()
        assert column.counts.sum() == pytest.approx(5)

    def test_column_is_forgotten_when_it_is_dropped(self):
        table = Table({"x": NumberColumn(numbers([0.0, 1.0]), 1)})
        table.drop("x")
        table.drop("x")
        table.add(0, 1, {})
        table.flush()
        assert table.columns == {}

    def test_nothing_is_counted_when_the_training_had_no_value(self):
        assert column_of(numbers([]), 1) is None
