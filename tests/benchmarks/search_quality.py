"""What a search finds, beside what scikit-learn's own searches find with the same budget.

Three data sets, each with several architectures and their parameters. All contenders draw from
the same spaces, fit the same pipelines to the same training rows with five folds, and have the
same budget: as many rows to fit as trials on all rows take. So successive halving, ours as
scikit-learn's, begins with more configurations on a ninth of the rows, and has the same three
rungs in both. How good a find is is then told by two figures that no contender has seen: the
metric over other folds of the training rows, ten of them, and on the test rows after a fit to
all training rows.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.search_quality [--trials 32]
        [--seeds 5] [--only diabetes] [--json]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.adapters.sklearn_runtime import feature_matrix
from servery.domain.chosen_spec import chosen_spec
from servery.domain.metrics import higher_is_better
from servery.domain.search_halving import plan
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next one
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from threadpoolctl import threadpool_limits

from benchmarks.report import Report, show
from benchmarks.search_runs import run
from benchmarks.search_subjects import SCORERS, SUBJECTS, Subject, of_scikit_learn, subject

Search = Callable[[Subject, int, int], tuple[Any, int]]
FOLDS, CHECKING_FOLDS, FACTOR, RUNGS = 5, 10, 3, 3
CHECKING_SEED = 4711


@dataclass(frozen=True)
class Found:
    """What a contender found.

    Attributes:
        checked: Metric over other folds of the training rows.
        tested: Metric on the test rows.
        trials: How many it tried.
        seconds: Processor time that it took.
    """

    checked: float
    tested: float
    trials: int
    seconds: float


def main() -> None:
    """Print what every contender found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=SUBJECTS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    reports = []
    for name in [asked.only] if asked.only else SUBJECTS:
        found: dict[str, list[Found]] = {each: [] for each in CONTENDERS}
        for seed in range(asked.seeds):
            given = subject(name, trials=asked.trials, folds=FOLDS, seed=seed)
            for contender, search in CONTENDERS.items():
                with threadpool_limits(1):
                    found[contender].append(measured(given, search, asked.trials, seed))
                print(f"{name} {seed} {contender}: {found[contender][-1]}", file=sys.stderr)  # noqa: T201
        reports.append(report(name, found, asked.trials))
    show(reports, as_json=asked.json)


def measured(given: Subject, search: Search, trials: int, seed: int) -> Found:
    """Search, then judge what was found on what the search has not seen."""
    began = time.process_time()
    estimator, tried = search(given, trials, seed)
    seconds = time.process_time() - began
    metric = given.spec.metric
    scorer, sign = (
        get_scorer(SCORERS[metric]),
        1 if higher_is_better(given.spec.task, metric) else -1,
    )
    (train, target), (test, right) = _matrix(given.train), _matrix(given.test)
    checked = cross_val_score(
        clone(estimator),
        train,
        target,
        scoring=scorer,
        cv=_folds(given, CHECKING_FOLDS, CHECKING_SEED),
    )
    fitted = clone(estimator).fit(train, target)
    tested = scorer(fitted, test, right)
    return Found(sign * float(np.mean(checked)), sign * float(tested), tried, seconds)


def _ours(algorithm: str) -> Search:
    def search(given: Subject, trials: int, seed: int) -> tuple[Any, int]:
        rules: dict[str, Any] = {"algorithm": algorithm, "at_once": 1}
        if algorithm == "halving":
            rows = len(given.train.target)
            rules["trials"] = _allowed(rows - rows // FOLDS, trials)
            least = (rows - rows // FOLDS) // FACTOR ** (RUNGS - 1)
            rules["halving"] = {"factor": FACTOR, "minimum": least}
        best, tried = run(given, **rules)
        return _pipeline(given, best), len(tried)

    return search


def _allowed(rows: int, trials: int) -> int:
    """Trials over all rungs that fit into the budget of so many trials with all rows."""
    least = rows // FACTOR ** (RUNGS - 1)
    most = trials
    for allowed in range(trials, trials * FACTOR**RUNGS):
        rungs = plan(allowed, factor=FACTOR, lowest=least, highest=rows, given=True)
        if sum(rung.trials * rung.resource for rung in rungs) > trials * rows:
            break
        most = allowed
    return most


def _pipeline(given: Subject, best: Any) -> Any:
    return build_pipeline(chosen_spec(given.spec, best.class_path, best.params, best.preprocessing))


def _randomized(given: Subject, trials: int, seed: int) -> tuple[Any, int]:
    pipeline, spaces = of_scikit_learn(given)
    search = RandomizedSearchCV(
        pipeline,
        spaces,
        n_iter=trials,
        scoring=SCORERS[given.spec.metric],
        cv=_folds(given, FOLDS, seed),
        random_state=seed,
        refit=False,
    )
    search.fit(*_matrix(given.train))
    return clone(pipeline).set_params(**search.best_params_), len(search.cv_results_["params"])


def _halving(given: Subject, trials: int, seed: int) -> tuple[Any, int]:
    pipeline, spaces = of_scikit_learn(given)
    rows = len(given.train.target)
    least = rows // FACTOR ** (RUNGS - 1)
    first = 1
    while _cost(first + 1, least) <= trials * rows:
        first += 1
    search = HalvingRandomSearchCV(
        pipeline,
        spaces,
        n_candidates=first,
        factor=FACTOR,
        min_resources=least,
        max_resources=rows,
        scoring=SCORERS[given.spec.metric],
        cv=_folds(given, FOLDS, seed),
        random_state=seed,
        refit=False,
    )
    search.fit(*_matrix(given.train))
    return clone(pipeline).set_params(**search.best_params_), sum(search.n_candidates_)


def _cost(first: int, least: int) -> int:
    """Rows that scikit-learn's halving takes, from so many candidates on."""
    return sum(-(-first // FACTOR**rung) * least * FACTOR**rung for rung in range(RUNGS))


def _folds(given: Subject, count: int, seed: int) -> KFold | StratifiedKFold:
    kind = KFold if given.spec.task == "regression" else StratifiedKFold
    return kind(count, shuffle=True, random_state=seed)


def _matrix(part: Any) -> tuple[Any, Any]:
    target = part.target
    return feature_matrix(part.numeric, part.text), (
        target.astype(str) if target.dtype == np.object_ else target
    )


CONTENDERS: dict[str, Search] = {
    "servery random": _ours("random"),
    "servery tpe": _ours("tpe"),
    "servery halving": _ours("halving"),
    "RandomizedSearchCV": _randomized,
    "HalvingRandomSearchCV": _halving,
}


def report(name: str, found: dict[str, list[Found]], trials: int) -> Report:
    """The table of a data set."""
    metric, candidates = SUBJECTS[name]
    seeds = len(next(iter(found.values())))
    higher = SCORERS[metric] == metric
    made = Report(
        title=f"{name}: {metric}, {'more' if higher else 'less'} is better",
        notes=[
            f"{len(candidates)} architectures, a budget of {trials} trials on all rows",
            f"{FOLDS} folds, {seeds} seeds: mean ± standard deviation over the seeds",
        ],
        columns=["search", "other folds", "test rows", "mean rank", "trials", "processor s"],
    )
    ranks = _ranks(found, higher=higher)
    for contender, results in found.items():
        made.rows.append(
            [
                contender,
                _spread([each.checked for each in results]),
                _spread([each.tested for each in results]),
                f"{statistics.mean(ranks[contender]):.1f}",
                f"{statistics.mean(each.trials for each in results):.0f}",
                f"{statistics.mean(each.seconds for each in results):.1f}",
            ]
        )
    made.verdicts = ["rank by the other folds: 1 is the best of the five, the same seed each"]
    made.figures = {
        contender: [asdict(each) for each in results] for contender, results in found.items()
    }
    return made


def _ranks(found: dict[str, list[Found]], *, higher: bool) -> dict[str, list[float]]:
    """The place of each contender with each seed; equal ones share theirs."""
    ranks: dict[str, list[float]] = {contender: [] for contender in found}
    for results in zip(*found.values(), strict=True):
        scores = [each.checked if higher else -each.checked for each in results]
        for contender, score in zip(found, scores, strict=True):
            better = sum(other > score for other in scores)
            equal = sum(other == score for other in scores)
            ranks[contender].append(better + (equal + 1) / 2)
    return ranks


def _spread(values: list[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ± {spread:.4f}"


if __name__ == "__main__":
    main()
