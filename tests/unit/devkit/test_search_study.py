import pytest
from devkit.search_reading import read
from devkit.search_study import Axis, nice, plain
from fakes.search_views import SPEC, forest, linear, search


def axis(record, candidate, name):
    return next(a for a in read(record).architectures[candidate].axes if a.name == name)


def test_axes_are_what_is_searched_when_a_spec_also_fixes_values():
    first, second = read(search()).architectures
    assert [a.name for a in first.axes] == ["C", "class_weight"]
    assert [a.name for a in second.axes] == ["n_estimators", "max_features", "PCA.n_components"]


def test_equal_factors_are_equally_far_when_a_space_is_logarithmic():
    found = axis(search(), 0, "C")
    assert [found.place(c) for c in (0.01, 1.0, 100.0)] == pytest.approx([0.0, 0.5, 1.0])


def test_choices_are_evenly_spaced_when_one_of_them_is_null():
    found = axis(search(), 0, "class_weight")
    assert (found.place(None), found.place("balanced"), found.place("other")) == (0.0, 1.0, None)
    assert found.ticks() == [(0.0, "null"), (1.0, "balanced")]


@pytest.mark.parametrize("value", [True, "high", None, ...])
def test_nothing_is_placed_when_a_value_is_no_number(value):
    assert Axis("n", 0, 10).place(value) is None


def test_value_is_in_the_middle_when_an_axis_has_one_only():
    assert Axis("n", 3, 3).place(3) == 0.5
    assert Axis("n", 0, 0, choices=("a",)).ticks() == [(0.5, "a")]


@pytest.mark.parametrize(("low", "high"), [(0.001, 1000), (0.3, 0.5), (0.5, 3), (1e-9, 1.0)])
def test_ticks_lie_on_the_axis_when_it_is_logarithmic(low, high):
    ticks = Axis("C", low, high, log=True).ticks()
    assert 2 <= len(ticks) <= 6
    assert all(0 <= place <= 1 for place, _ in ticks)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.93, 0.9712), (-3, 400), (55.1, 55.2)])
def test_round_numbers_are_few_and_within_when_ends_are_odd(low, high):
    found = nice(low, high, 5)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_settings_of_steps_are_named_by_their_class_when_a_trial_has_some():
    study = read(search(forest(0, 0.9, trees=77)))
    assert study.searched(study.trials[0]) == {
        "n_estimators": 77,
        "max_features": 0.5,
        "PCA.n_components": 2,
    }


def test_architectures_are_told_apart_when_a_class_is_there_twice():
    candidates = SPEC["search"]["candidates"] + SPEC["search"]["candidates"][:1]
    spec = {**SPEC, "search": {"candidates": candidates}}
    names = [each.name for each in read(search(spec=spec)).architectures]
    assert names == ["LogisticRegression 1", "RandomForestClassifier", "LogisticRegression 2"]


def test_trials_are_read_when_the_spec_of_a_search_is_gone():
    study = read(search(linear(0, 0.9), forest(1, 0.8), spec={}))
    assert [study.name(trial) for trial in study.trials] == [
        "LogisticRegression",
        "RandomForestClassifier",
    ]
    assert study.searched(study.trials[0]) == {}


def test_lowest_is_best_when_less_of_the_metric_is_better():
    trials = [linear(0, 3.0), linear(1, 1.0), linear(2, 2.0), linear(3, None)]
    study = read(search(*trials, higher_is_better=False, best=None))
    assert [trial.number for trial in study.ranked] == [1, 2, 0]
    assert [best for _, best in study.leading()] == [3.0, 1.0, 1.0, 1.0]


def test_later_rung_counts_more_when_an_earlier_one_had_a_better_score():
    study = read(search(linear(0, 0.99), linear(1, 0.9), linear(2, 0.92, rung=1), best=None))
    assert study.best.number == 2
    assert [best for _, best in study.leading()] == [0.99, 0.99, 0.92]


def test_choice_of_the_search_is_the_best_when_it_has_made_one():
    record = search(linear(0, 0.9), linear(1, 0.9))
    assert read({**record, "best": {**record["best"], "number": 1}}).best.number == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "null"), (True, "true"), (0.1 + 0.2, "0.3"), (12, "12"), ([8, 4], "[8, 4]")],
)
def test_settings_are_said_as_a_spec_says_them(value, said):
    assert plain(value) == said


def test_low_end_is_told_when_the_ends_are_too_near_for_round_numbers():
    assert nice(5e-324, 1e-323, 5) == [5e-324]
