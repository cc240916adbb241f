"""A whole search: the machine, the use cases and the records, with fits that cost nothing."""

from __future__ import annotations

import msgspec
import pytest
from fakes.execution import StateError
from fakes.searches import FOREST, TREE, SearchPlant, quality, search_spec
from servery.domain.search_records import Ended, SearchState, TrialState
from servery.errors import RejectedError
from servery.usecases.search.stop import stop


def _told(plant):
    """What a search came to, without what a clock says."""
    return [(t.number, t.rung, t.resource, t.params, t.mean, t.state) for t in plant.trials]


@pytest.mark.parametrize("algorithm", ["random", "tpe", "halving"])
def test_result_is_the_same_when_the_seed_is(algorithm):
    runs = [SearchPlant(search_spec(algorithm=algorithm, seed=seed)) for seed in (3, 3, 4)]
    first, again, other = [plant.run() for plant in runs]

    assert _told(runs[0]) == _told(runs[1])
    assert first.winner.params == again.winner.params
    assert _told(runs[0]) != _told(runs[2])
    assert other.state is SearchState.SUCCEEDED


def test_winner_is_the_best_trial_and_tested_once_when_all_are_run():
    plant = SearchPlant(search_spec(algorithm="random"))
    record = plant.run()

    best = max(plant.trials, key=lambda trial: (trial.mean, -trial.number))
    assert record.winner.number == record.best.number == best.number
    assert (record.state, record.ended) == (SearchState.SUCCEEDED, Ended.TRIALS)
    assert plant.execution.calls["Evaluate"] == 1
    assert record.winner.metrics["accuracy"] > 0
    assert record.winner.test_rows == 20
    assert not record.version


def test_trials_see_training_rows_alone_when_they_run():
    plant = SearchPlant(search_spec(algorithm="random"))
    plant.before_trial = lambda _event: [
        plant.objects.delete(key) for key in list(plant.objects.objects) if "test.npz" in key
    ]
    record = plant.run()

    assert record.counts.done == 12  # nobody has missed them
    assert record.state is SearchState.FAILED  # but the winner needs them
    assert all(rows == 48 for _, rows in plant.fits)  # four folds of five, of 60 rows


def test_version_is_marked_when_the_winner_is_registered():
    plant = SearchPlant(search_spec(algorithm="random", register=True))
    record = plant.run()

    version = plant.registry.version("flower", record.version)
    assert version.origin == "search"
    assert record.training == "tr0"
    assert plant.training.registry.run("flower", record.id).version == record.version


def test_search_goes_on_when_trials_fail_time_out_and_crash():
    def score(params):
        if params["max_depth"] > 15:
            raise RejectedError("too deep for this tree")
        return quality(params)

    def before(event):
        if event["trial"]["number"] == 1:
            raise StateError("Runtime.ExitError", "signal: killed")
        if event["trial"]["number"] == 2:
            raise StateError("States.Timeout", "")

    plant = SearchPlant(search_spec(algorithm="random"), score)
    plant.before_trial = before
    record = plant.run()

    failed = {t.number: t.reason for t in plant.trials if t.state is TrialState.FAILED}
    deep = [t.number for t in plant.trials if t.params["max_depth"] > 15]
    assert record.state is SearchState.SUCCEEDED
    assert {1, 2, *deep} == set(failed)
    assert "Runtime.ExitError" in failed[1]
    assert "States.Timeout" in failed[2]
    assert "too deep" in failed[deep[0]]
    assert record.counts.failed == len(failed)
    assert record.counts.done == 12 - len(failed)


def test_search_is_refused_with_the_first_reason_when_every_trial_fails():
    def score(_params):
        raise RejectedError("nothing fits")

    plant = SearchPlant(search_spec(algorithm="tpe", trials=4), score)
    record = plant.run()

    assert record.state is SearchState.REFUSED
    assert "all 4 trials failed" in record.reason
    assert "nothing fits" in record.reason
    assert plant.execution.status == "SUCCEEDED"


def test_trial_is_lost_and_counted_when_not_even_its_loss_can_be_kept():
    plant = SearchPlant(search_spec(algorithm="random"))
    resources = plant._resources()

    def down(_event):
        raise StateError("Lambda.Unknown", "")

    def before(event):
        if event["trial"]["number"] == 3:
            raise StateError("Lambda.Unknown", "")

    plant.before_trial = before
    plant._resources = lambda: {**resources, "${SearchLoseTrialFunctionArn}": down}
    record = plant.run()

    assert record.counts.failed == 1
    assert plant.trials[3].reason == "its function left no word"
    assert record.state is SearchState.SUCCEEDED


def test_nothing_is_run_twice_when_an_execution_dies_and_another_goes_on():
    plant = SearchPlant(search_spec(algorithm="tpe"))
    resources = plant._resources()

    def dies(event):
        if event["trial"]["number"] == 6:
            raise KeyboardInterrupt

    plant.before_trial = dies
    known = plant.start()
    with pytest.raises(KeyboardInterrupt):
        plant.go_on()
    begun = len(plant.trials)
    plant.before_trial = lambda _event: None
    plant._resources = lambda: resources
    plant.go_on()

    undisturbed = SearchPlant(search_spec(algorithm="tpe"))
    undisturbed.run()
    assert 0 < begun < 12
    assert _told(plant) == _told(undisturbed)
    assert len(plant.fits) == 5 * 12
    assert plant.store.search("flower", known.id).state is SearchState.SUCCEEDED


def test_no_trial_begins_when_somebody_has_stopped_the_search():
    plant = SearchPlant(search_spec(algorithm="random", trials=12))

    def stops(event):
        if event["trial"]["number"] == 8:  # of the first lane: 0, 4, 8, then 1, 5, 9 ...
            stop("flower", event["search"], store=plant.store, queue=plant.queue, clock=plant.clock)

    plant.before_trial = stops
    record = plant.run()

    assert record.ended is Ended.STOPPED
    assert record.state is SearchState.SUCCEEDED
    assert record.counts.done == 2
    assert record.counts.skipped == 10
    assert {t.state for t in plant.trials[1:4]} == {TrialState.SKIPPED}


@pytest.mark.parametrize(
    ("stop_rules", "ended", "most"),
    [
        ({"target": 0.5}, Ended.TARGET, 4),
        ({"cost_usd": 1e-6}, Ended.COST, 4),
        ({"seconds": 5}, Ended.SECONDS, 8),
        ({"patience": 2}, Ended.PATIENCE, 100),
    ],
    ids=["target", "cost", "seconds", "patience"],
)
def test_search_ends_early_when_a_rule_is_met(stop_rules, ended, most):
    plant = SearchPlant(search_spec(algorithm="random", trials=100, stop=stop_rules))
    record = plant.run()

    run = [t for t in plant.trials if t.state is not TrialState.SKIPPED]
    assert record.ended is ended
    assert 0 < len(run) <= most
    assert record.state is SearchState.SUCCEEDED


def test_round_is_shorter_when_its_trials_are_large():
    wide = [{"max_depth": depth, "note": "x" * 15_000} for depth in range(1, 13)]
    candidates = [{"class": TREE, "params": {"class_weight": {"choice": wide}}}]
    plant = SearchPlant(search_spec(algorithm="grid", candidates=candidates, at_once=2))
    record = plant.run()

    lanes = [
        lane
        for key in plant.objects.objects
        if "/rounds/" in key
        for lane in msgspec.json.decode(plant.objects.get(key))
    ]
    assert max(len(msgspec.json.encode(lane)) for lane in lanes) < 150_000
    assert record.round > 1
    assert record.counts.done == 12
    assert [t.point["class_weight"]["max_depth"] for t in plant.trials] == list(range(1, 13))


def test_everything_is_tried_once_when_it_is_a_grid():
    candidates = [
        {
            "class": TREE,
            "params": {"max_depth": {"int": [1, 3]}, "criterion": {"choice": ["gini"]}},
        },
        {"class": FOREST, "params": {"min_samples_leaf": {"float": [0.1, 0.3], "step": 0.1}}},
    ]
    plant = SearchPlant(search_spec(algorithm="grid", candidates=candidates, trials=50))
    record = plant.run()

    assert [(t.class_path, t.point) for t in plant.trials] == [
        *[(TREE, {"max_depth": depth, "criterion": "gini"}) for depth in (1, 2, 3)],
        *[(FOREST, {"min_samples_leaf": leaf}) for leaf in (0.1, 0.2, 0.3)],
    ]
    assert record.ended is Ended.EXHAUSTED


def test_fewer_go_on_with_more_rows_when_halved():
    plant = SearchPlant(search_spec(algorithm="halving", trials=12, halving={"factor": 2}))
    record = plant.run()

    rungs = {}
    for trial in plant.trials:
        rungs.setdefault(trial.rung, []).append(trial)
    assert [len(rungs[rung]) for rung in sorted(rungs)] == [8, 4]
    assert [rungs[rung][0].resource for rung in sorted(rungs)] == [24, 48]
    best = sorted(rungs[0], key=lambda t: (-t.mean, t.number))[:4]
    assert [t.parent for t in rungs[1]] == [t.number for t in best]
    assert record.winner.number in {t.number for t in rungs[1]}
    assert {rows for _, rows in plant.fits} == {24, 48}


def test_parameter_grows_when_it_is_the_resource_of_the_halving():
    rules = {"factor": 3, "resource": "max_depth", "maximum": 9}
    candidates = [{"class": TREE, "params": {"min_samples_leaf": {"int": [1, 10]}}}]
    plant = SearchPlant(
        search_spec(algorithm="halving", trials=8, halving=rules, candidates=candidates)
    )
    record = plant.run()

    assert {t.rung: t.params["max_depth"] for t in plant.trials} == {0: 3, 1: 9}
    assert record.winner.params["max_depth"] == 9


def test_winners_spec_can_be_trained_when_it_is_fetched():
    plant = SearchPlant(search_spec(algorithm="random"))
    record = plant.run()

    written = msgspec.json.decode(plant.objects.get(f"searches/{record.id}/winner.json"))
    assert written["estimator"] == {"class": TREE, "params": record.winner.params}
    assert {**written, "estimator": 0} == {**plant.spec, "estimator": 0}
