"""Searches as the API shows them, made of the API's own types, so that they cannot drift."""

from __future__ import annotations

from typing import Any

import msgspec
from servery.domain.search_records import Best, Ended, SearchState, Trial, TrialState, Winner
from servery.domain.search_spec import Algorithm
from servery.usecases.search.views import CountsView, SearchDetail

LINEAR = {
    "class": "sklearn.linear_model.LogisticRegression",
    "params": {
        "C": {"float": [0.01, 100.0], "log": True},
        "class_weight": {"choice": [None, "balanced"]},
        "max_iter": 2000,
    },
}
FOREST = {
    "class": "sklearn.ensemble.RandomForestClassifier",
    "params": {"n_estimators": {"int": [50, 400]}, "max_features": {"float": [0.1, 1.0]}},
    "preprocessing": [
        {
            "columns": ["a", "b"],
            "steps": [
                {"class": "sklearn.preprocessing.StandardScaler"},
                {
                    "class": "sklearn.decomposition.PCA",
                    "params": {"n_components": {"int": [1, 2]}},
                },
            ],
        }
    ],
}
SPEC: dict[str, Any] = {
    "name": "wine",
    "owner": "test",
    "task": "classification",
    "metric": "accuracy",
    "estimator": {"class": LINEAR["class"], "params": {}},
    "search": {"candidates": [LINEAR, FOREST]},
}


def linear(number: int, mean: float | None, *, c: float = 1.0, **more: Any) -> Trial:
    """A trial of the first candidate; without a mean it has failed."""
    given = {"class_path": LINEAR["class"], "params": {"C": c, "class_weight": None}}
    return trial(number, mean, candidate=0, **given, **more)


def forest(number: int, mean: float | None, *, trees: int = 100, **more: Any) -> Trial:
    """A trial of the second candidate; see `linear`."""
    steps = [
        {"class": "sklearn.preprocessing.StandardScaler"},
        {"class": "sklearn.decomposition.PCA", "params": {"n_components": 2}},
    ]
    given = {
        "class_path": FOREST["class"],
        "params": {"n_estimators": trees, "max_features": 0.5},
        "preprocessing": [{"columns": ["a", "b"], "steps": steps}],
    }
    return trial(number, mean, candidate=1, **given, **more)


def trial(number: int, mean: float | None, **more: Any) -> Trial:
    """A trial that is over."""
    came = (
        {"state": TrialState.FAILED, "reason": "ValueError: it cannot be"}
        if mean is None
        else {"state": TrialState.DONE, "mean": mean, "std": 0.01, "scores": [mean, mean]}
    )
    figures = {"seconds": 1.5, "memory_mb": 1769, "cost_usd": 0.00005}
    return Trial(**{"number": number, "round": 0, **came, **figures, **more})


def search(*trials: Trial, **more: Any) -> dict[str, Any]:
    """A search that has found its winner, unless something else is said."""
    done = [each for each in trials if each.mean is not None]
    counts = CountsView(proposed=len(trials), done=len(done), failed=len(trials) - len(done))
    found = max(done, key=lambda each: (each.rung, each.mean), default=None)
    best = None if found is None else msgspec.convert(msgspec.to_builtins(found), Best)
    fields = {
        "id": "wine-search-1",
        "model": "wine",
        "state": SearchState.SUCCEEDED,
        "algorithm": Algorithm.TPE,
        "metric": "accuracy",
        "higher_is_better": True,
        "seed": 7,
        "folds": 2,
        "at_once": 2,
        "most": len(trials),
        "candidates": 2,
        "register": False,
        "round": 1,
        "counts": counts,
        "best": best,
        "stop_asked": False,
        "ended": Ended.TRIALS,
        "reason": "all trials are over",
        "winner": None,
        "version": "",
        "training": "",
        "created": "2026-11-22T11:00:00.000+00:00",
        "started": "2026-11-22T11:00:01.000+00:00",
        "finished": "2026-11-22T11:01:13.000+00:00",
        "seconds": 72.0,
        "cost_usd": 0.0011,
        "spec": SPEC,
        "trials": list(trials),
    }
    shown: dict[str, Any] = msgspec.to_builtins(SearchDetail(**{**fields, **more}))
    return shown


def won(record: dict[str, Any]) -> dict[str, Any]:
    """The same search, whose best trial was trained and tested."""
    winner = Winner(
        **{("class_path" if k == "class" else k): v for k, v in record["best"].items()},
        training_id="wine-search-1",
        runtime="onnx",
        metrics={"accuracy": 0.95, "log_loss": 0.2},
        tested="2026-11-22T11:01:10.000+00:00",
        test_rows=45,
        passed=True,
    )
    chosen = {**SPEC, "estimator": {"class": winner.class_path, "params": winner.params}}
    return {**record, "winner": msgspec.to_builtins(winner), "winner_spec": chosen}
