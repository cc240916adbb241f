"""Whose each part of the circle of keys is, so that no more than what has to move does.

The circle is cut on a grid, in whole numbers, so that shares add up exactly however often they
are changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from servery.domain.policies import Experiment, Policies, Segment

GRID = 2**32

Run = tuple[int, int, str]
"""Start and end on the grid, and whose it is."""


def apportion(weights: Mapping[str, float]) -> dict[str, int]:
    """The grid shared out by weights that add up to one; largest remainders get what is left."""
    exact = {name: weight * GRID for name, weight in weights.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    left = GRID - sum(counts.values())
    for place in range(abs(left)):
        counts[by_remainder[place % len(by_remainder)]] += 1 if left > 0 else -1
    return counts


def reassign(weights: Mapping[str, float], before: Sequence[Segment] = ()) -> list[Segment]:
    """Share the circle out anew: who has too much gives it up, who has too little gets it.

    What moves is the sum of what some have too much, which nobody could do with less.

    Args:
        weights: Share of each variant; together one.
        before: Whose each part is now; empty to begin with. Variants that have no weight any
            more give up everything.

    Returns:
        The parts in order, the first at 0, none empty, no two neighbours of one variant.
    """
    wanted = apportion(weights)
    kept: list[Run] = []
    free: list[tuple[int, int]] = []
    left = dict(wanted)
    for start, end, variant in _runs(before):
        keep = min(end - start, left.get(variant, 0))
        left[variant] = left.get(variant, 0) - keep
        if keep:
            kept.append((start, start + keep, variant))
        if start + keep < end:
            free.append((start + keep, end))
    lacking = [(name, left[name]) for name in wanted if left[name] > 0]
    return _segments([*kept, *_given(free, lacking)])


def shares(segments: Sequence[Segment]) -> dict[str, float]:
    """The share of the circle that each variant has."""
    found: dict[str, int] = {}
    for start, end, variant in _runs(segments):
        if variant:
            found[variant] = found.get(variant, 0) + end - start
    return {variant: count / GRID for variant, count in found.items()}


def with_segments(policies: Policies, before: Policies) -> Policies:
    """The policies with the segments of their experiment worked out.

    Those that were sent count for nothing: they follow from the weights, and from the segments
    that the experiment of the same name has now.
    """
    experiment, earlier = policies.routing.experiment, before.routing.experiment
    if experiment is None:
        return policies
    goes_on = earlier is not None and earlier.name == experiment.name
    segments = earlier.segments if earlier is not None and goes_on else []
    weights = {variant.name: variant.weight for variant in experiment.variants}
    worked_out: Experiment = msgspec.structs.replace(
        experiment, segments=reassign(weights, segments)
    )
    routing = msgspec.structs.replace(policies.routing, experiment=worked_out)
    return msgspec.structs.replace(policies, routing=routing)


def _runs(segments: Sequence[Segment]) -> list[Run]:
    """The segments with their ends; the whole circle of nobody's where there are none."""
    starts = [round(segment.start * GRID) for segment in segments]
    names = [segment.variant for segment in segments]
    if not starts or starts[0] > 0:
        starts, names = [0, *starts], ["", *names]
    ends = [*starts[1:], GRID]
    return list(zip(starts, ends, names, strict=True))


def _given(free: list[tuple[int, int]], lacking: list[tuple[str, int]]) -> list[Run]:
    """The free parts, in order, to those who lack some, in theirs."""
    given: list[Run] = []
    waiting = iter(lacking)
    name, need = "", 0
    for start, end in free:
        at = start
        while at < end:
            if need == 0:
                name, need = next(waiting)
            take = min(need, end - at)
            given.append((at, at + take, name))
            at, need = at + take, need - take
    return given


def _segments(runs: list[Run]) -> list[Segment]:
    made: list[Segment] = []
    for start, end, variant in sorted(runs):
        if start < end and (not made or made[-1].variant != variant):
            made.append(Segment(start=start / GRID, variant=variant))
    return made
