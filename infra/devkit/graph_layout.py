"""Where the boxes of a graph lie: levels from the request down to the answer, and arrows between.

A step lies below everything that it waits for, so what lies side by side runs at the same time.
An arrow that passes a level goes through it as a place of its own, so every arrow leads from one
level to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.graphs import REQUEST, needs

from devkit.graph_boxes import ANSWER, Box, answer_box, inputs_of, request_box, step_box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servery.domain.graph_records import GraphRecord
    from servery.domain.graphs import Step

_SWEEPS = 4


@dataclass(frozen=True)
class Place:
    """A place in a level: a box, or an arrow on its way through (`box` is None)."""

    key: str
    box: Box | None = None


@dataclass(frozen=True)
class Layout:
    """Levels from top to bottom, and arrows from a place to one in the next level, by key."""

    levels: list[list[Place]]
    arrows: list[tuple[str, str]]

    def targets(self, key: str) -> list[str]:
        """Where the arrows from a place lead."""
        return [target for source, target in self.arrows if source == key]


def lay_out(record: GraphRecord) -> Layout:
    """Lay out a graph.

    Only the first steps have an arrow from the request: those behind them may take columns of
    it too, which their boxes say; an arrow for each would hide the order that matters.
    """
    steps = {step.name: step for step in record.spec.steps}
    depth = _depths(steps)
    last = max(depth.values()) + 1
    boxes = {REQUEST: request_box(record), ANSWER: answer_box(record)}
    boxes |= {name: step_box(record, step) for name, step in steps.items()}
    depth |= {REQUEST: 0, ANSWER: last}
    flows = [(REQUEST, name) for name in steps if depth[name] == 1]
    flows += [(need, name) for name, step in steps.items() for need in _sources(record, step)]
    flows += [(name, ANSWER) for name in record.spec.outputs]
    levels = [[Place(n, boxes[n]) for n in boxes if depth[n] == d] for d in range(last + 1)]
    arrows = _through(levels, depth, flows)
    return Layout(_untangled(levels, arrows), arrows)


def _sources(record: GraphRecord, step: Step) -> list[str]:
    """The steps that a step waits for, each once, in the order in which it names them."""
    named = [ref.partition(".")[0] for ref in inputs_of(record, step).values()]
    return [name for name in dict.fromkeys([*named, *sorted(needs(step))]) if name != REQUEST]


def _depths(steps: Mapping[str, Step]) -> dict[str, int]:
    """How many steps lie between the request and each; steps in a circle come last."""
    depth: dict[str, int] = {}
    left = dict(steps)
    while left:
        ready = [n for n, step in left.items() if not needs(step) & left.keys()] or list(left)
        for name in ready:
            before = [depth.get(need, 0) for need in needs(left[name])]
            depth[name] = 1 + max(before, default=0)
        for name in ready:
            left.pop(name)
    return depth


def _through(
    levels: list[list[Place]], depth: Mapping[str, int], flows: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Arrows from level to level; places for those that pass one are added to it."""
    arrows: list[tuple[str, str]] = []
    for source, target in flows:
        at = source
        for level in range(depth[source] + 1, depth[target]):
            # One wire for all that a source hands on past a level.
            wire = f"{source}/{level}"
            if not any(place.key == wire for place in levels[level]):
                levels[level].append(Place(wire))
            arrows.append((at, wire))
            at = wire
        arrows.append((at, target))
    return list(dict.fromkeys(arrows))


def _untangled(levels: list[list[Place]], arrows: list[tuple[str, str]]) -> list[list[Place]]:
    """Each level in the order of what it is joined with, so that few arrows cross (Sugiyama)."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        pairs = [(a, b) if down else (b, a) for a, b in arrows]
        order = range(1, len(levels)) if down else range(len(levels) - 2, -1, -1)
        for index in order:
            beside = levels[index - 1 if down else index + 1]
            at = {place.key: i for i, place in enumerate(beside)}
            levels[index] = _sorted(levels[index], pairs, at)
    return levels


def _sorted(level: list[Place], pairs: list[tuple[str, str]], at: Mapping[str, int]) -> list[Place]:
    middle = {}
    for index, place in enumerate(level):
        near = [at[a] for a, b in pairs if b == place.key and a in at]
        middle[place.key] = sum(near) / len(near) if near else float(index)
    return sorted(level, key=lambda place: middle[place.key])
