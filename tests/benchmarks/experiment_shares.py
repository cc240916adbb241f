"""Shares of an experiment over many keys, and how many keys move when its weights change.

Everything is what the gateway and the registry run: keys are assigned by `routing.variant_of`,
segments are worked out by `experiments.with_segments`. For comparison the same change with the
usual cut points, that is each variant from where the one before it ends.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.experiment_shares [--keys 100000]
        [--json]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from servery.domain.experiments import with_segments
from servery.domain.policies import Experiment, Policies, RoutingPolicy, Segment, Variant
from servery.domain.routing import variant_of

from benchmarks.report import Report, show

GOAL_POINTS = 0.5
Weights = Mapping[str, float]
WEIGHTS: tuple[Weights, ...] = (
    {"a": 0.5, "b": 0.5},
    {"a": 0.9, "b": 0.1},
    {"a": 0.99, "b": 0.01},
    {"a": 0.2, "b": 0.3, "c": 0.5},
    {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1},
)
NAMES = ("colour", "price", "onboarding", "q3", "second-model")
CHANGES: tuple[tuple[str, Sequence[Weights]], ...] = (
    ("gradual, 1 % to 100 %", [{"a": 1 - w, "b": w} for w in (0.01, 0.05, 0.2, 0.5, 1.0)]),
    ("half and half to 60 %", [{"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 0.4}]),
    ("there and back", [{"a": 0.5, "b": 0.5}, {"a": 0.8, "b": 0.2}, {"a": 0.5, "b": 0.5}]),
    (
        "the first of three loses",
        [{"a": 0.4, "b": 0.3, "c": 0.3}, {"a": 0.2, "b": 0.4, "c": 0.4}],
    ),
    ("a third comes in", [{"a": 0.5, "b": 0.5}, {"a": 0.45, "b": 0.45, "c": 0.1}]),
    ("the second goes out", [{"a": 0.4, "b": 0.3, "c": 0.3}, {"a": 0.55, "c": 0.45}]),
)


def assigned(experiment: Experiment, keys: Sequence[str]) -> list[str]:
    """The variant of each key."""
    found = (variant_of(experiment, key) for key in keys)
    return [variant.name if variant else "" for variant in found]


def set_up(name: str, weights: Weights, before: Experiment | None = None) -> Experiment:
    """An experiment with its segments, as the registry would keep it after a change."""
    variants = [Variant(name=n, version="1.0.0", weight=w) for n, w in weights.items()]
    experiment = Experiment(name=name, header="x-user", variants=variants)
    earlier = Policies(routing=RoutingPolicy(experiment=before))
    kept = with_segments(Policies(routing=RoutingPolicy(experiment=experiment)), earlier)
    assert kept.routing.experiment is not None
    return kept.routing.experiment


def cut(name: str, weights: Weights) -> Experiment:
    """The same experiment with the usual cut points."""
    segments, at = [], 0.0
    for variant, weight in weights.items():
        if weight:
            segments.append(Segment(start=min(at, 1 - 2**-32), variant=variant))
        at += weight
    variants = [Variant(name=n, version="1.0.0", weight=w) for n, w in weights.items()]
    return Experiment(name=name, header="x-user", variants=variants, segments=segments)


def necessary(before: Weights, after: Weights) -> float:
    """The share that has to move: what some have too much."""
    return sum(max(0.0, weight - after.get(name, 0.0)) for name, weight in before.items())


def shares_report(keys: Sequence[str]) -> Report:
    """How far the shares of keys are from the weights."""
    report = Report(
        title="Shares of the keys",
        notes=[f"{len(keys):,} keys, {len(NAMES)} names of experiments for each row"],
        columns=["weights", "furthest from its weight", "mean distance"],
    )
    worst = 0.0
    for weights in WEIGHTS:
        distances = []
        for name in NAMES:
            counts = Counter(assigned(set_up(name, weights), keys))
            distances += [abs(counts[v] / len(keys) - w) * 100 for v, w in weights.items()]
        worst = max(worst, *distances)
        told = " / ".join(f"{w:.0%}" for w in weights.values())
        mean = sum(distances) / len(distances)
        report.rows.append([told, f"{max(distances):.3f} points", f"{mean:.3f} points"])
    kept = "kept" if worst <= GOAL_POINTS else "MISSED"
    report.verdicts.append(f"at the most {worst:.3f} points off; {GOAL_POINTS} is the goal: {kept}")
    report.figures = {"furthest_points": worst, "keys": len(keys)}
    return report


def moves_report(keys: Sequence[str]) -> Report:
    """How many keys move when weights change."""
    report = Report(
        title="Keys that move when weights change",
        notes=[
            "summed over the steps of each row; necessary is what shares lose, and, of these keys,",
            "what variants have fewer of them than before",
        ],
        columns=["change", "necessary", "of these keys", "moved", "by cut points"],
    )
    wasted = 0
    for title, steps in CHANGES:
        now, usual = set_up("e", steps[0]), cut("e", steps[0])
        had, had_usual = assigned(now, keys), assigned(usual, keys)
        need, counted, moved, moved_usual = 0.0, 0, 0, 0
        for before, after in pairwise(steps):
            now, usual = set_up("e", after, now), cut("e", after)
            has, has_usual = assigned(now, keys), assigned(usual, keys)
            need += necessary(before, after)
            counted += (Counter(had) - Counter(has)).total()
            moved += different(had, has)
            moved_usual += different(had_usual, has_usual)
            had, had_usual = has, has_usual
        wasted += moved - counted
        told = (need, *(n / len(keys) for n in (counted, moved, moved_usual)))
        report.rows.append([title, *(f"{each:.2%}" for each in told)])
    report.verdicts.append(f"{wasted:,} keys moved without need")
    report.figures = {"moved_without_need": wasted}
    return report


def different(before: Sequence[str], after: Sequence[str]) -> int:
    """How many keys are assigned to another variant."""
    return sum(one != other for one, other in zip(before, after, strict=True))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    keys = [f"customer-{number}" for number in range(given.keys)]
    show([shares_report(keys), moves_report(keys)], as_json=given.json)


if __name__ == "__main__":
    main()
