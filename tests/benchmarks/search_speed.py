"""How long a search takes by how many of its trials run at once, and what a trial costs by itself.

Two searches over the same candidate, each at one and at two trials at once, on a deployed stack:
trials that work (a forest, a fixed number of trees each, so that trials are alike) and trials
that do not (a mean), whose time is what everything around a trial takes. Random search, whose
trials all run in one map; and the tree-structured Parzen estimator, which has a round of its own
for as many trials as run at once.

Without `--instance` a local cloud is brought up for it and taken down again. Times through a
local cloud are those of this machine, and not Lambda's.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.search_speed [--trials 32]
        [--instance NAME] [--trees 300] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.report import Report, show

ROOT = Path(__file__).parents[2]
SERVERY = Path(sys.executable).with_name("servery")
AT_ONCE = (1, 2)
IDLE = {"class": "sklearn.dummy.DummyRegressor", "params": {"strategy": "quantile"}}


@dataclass(frozen=True)
class Taken:
    """What a search took, in seconds.

    Attributes:
        whole: From its start to its end: data, trials, winner.
        trials: From the start of the first trial to the end of the last one.
        inside: Of all trials together, by their own clocks.
        count: How many trials there were.
        failed: How many of them failed.
        cost_usd: At Lambda's list price.
    """

    whole: float
    trials: float
    inside: float
    count: int
    failed: int
    cost_usd: float

    def around(self, at_once: int) -> float:
        """What comes to each trial beside its own time, lanes that wait included, in seconds."""
        return (self.trials * at_once - self.inside) / self.count


def main() -> None:
    """Print a line for each search."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--instance")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    working = {
        "class": "sklearn.ensemble.RandomForestRegressor",
        "params": {"n_estimators": asked.trees, "max_features": {"float": [0.49, 0.51]}},
    }
    idle = {**IDLE, "params": {**IDLE["params"], "quantile": {"float": [0.0, 1.0]}}}
    with _stack(asked.instance) as instance:
        _search(instance, idle, trials=2, algorithm="tpe", at_once=2)  # warms all functions up
        reports = [
            _report(instance, title, candidate, algorithm, asked.trials)
            for title, candidate in (("a forest", working), ("nothing", idle))
            for algorithm in ("random", "tpe")
        ]
    show(reports, as_json=asked.json)


def _report(
    instance: str, title: str, candidate: dict[str, Any], algorithm: str, trials: int
) -> Report:
    """One algorithm on one candidate, at each number of trials at once."""
    made = Report(
        title=f"{trials} trials that fit {title}, {algorithm}",
        notes=[
            "seconds: whole search, its trials from first start to last end, inside all of them;",
            "then of a trial, all of it and what is around its own time; where they fit nothing,",
            "at one at once, all of it is the fixed cost of a trial",
        ],
        columns=["at once", "whole", "trials", "inside", "a trial", "around", "faster", "cost"],
    )
    first: Taken | None = None
    for at_once in AT_ONCE:
        taken = _search(instance, candidate, trials=trials, algorithm=algorithm, at_once=at_once)
        first = first or taken
        made.rows.append(
            [
                str(at_once),
                f"{taken.whole:.1f}",
                f"{taken.trials:.1f}",
                f"{taken.inside:.1f}",
                f"{taken.trials * at_once / taken.count:.3f}",
                f"{taken.around(at_once):.3f}",
                f"{first.trials / taken.trials:.2f}",
                f"${taken.cost_usd:.5f}",
            ]
        )
        made.figures[str(at_once)] = asdict(taken)
        if taken.failed:
            made.verdicts.append(f"{taken.failed} trials failed at {at_once} at once")
    return made


def _search(
    instance: str, candidate: dict[str, Any], *, trials: int, algorithm: str, at_once: int
) -> Taken:
    """Search by the command line, as a person would."""
    spec = yaml.safe_load((ROOT / "infra/examples/diabetes-search.yaml").read_text())
    spec["data"]["uri"] = str(ROOT / "infra/examples" / spec["data"]["uri"])
    spec["gates"] = {}
    spec["search"] = {
        "algorithm": algorithm,
        "trials": trials,
        "at_once": at_once,
        "candidates": [candidate],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        record = json.loads(_servery(instance, "search", file.name, "--json"))
    over = [trial for trial in record["trials"] if trial["started"]]
    begun = [datetime.fromisoformat(trial["started"]).timestamp() for trial in over]
    ended = [at + trial["seconds"] for at, trial in zip(begun, over, strict=True)]
    return Taken(
        whole=record["seconds"],
        trials=max(ended) - min(begun),
        inside=sum(trial["seconds"] for trial in over),
        count=len(over),
        failed=record["counts"]["failed"],
        cost_usd=record["cost_usd"],
    )


@contextlib.contextmanager
def _stack(given: str | None) -> Iterator[str]:
    """The stack that was named, or one of its own."""
    if given:
        yield given
        return
    instance = f"bench-{os.getpid()}"
    try:
        _servery(instance, "up", "--json")
        yield instance
    finally:
        _servery(instance, "down")


def _servery(instance: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(SERVERY), *arguments],
        env={**os.environ, "SERVERY_INSTANCE": instance},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode != 0:
        raise SystemExit(f"servery {' '.join(arguments)}: {done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
