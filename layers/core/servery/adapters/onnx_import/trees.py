"""The trees in a graph: that every step in them goes to a node of the same tree, and never back."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from servery.adapters.onnx_import.attributes import Attributes

if TYPE_CHECKING:
    import onnx

_LEAF = b"LEAF"
Place = tuple[int, int]


def tree_width(node: onnx.NodeProto) -> int:
    """How many columns some trees ask for, once they are known to hold together.

    Raises:
        UnsupportedMediaError: they would be left, or walked in circles, when they are asked.
    """
    said = Attributes(node)
    trees, nodes = said.many("nodes_treeids"), said.many("nodes_nodeids")
    features, modes = said.many("nodes_featureids"), said.many("nodes_modes")
    yes, no = said.many("nodes_truenodeids"), said.many("nodes_falsenodeids")
    values = said.either("nodes_values")
    count = said.same_length(trees, nodes, features, modes, yes, no, values)
    places = {place: number for number, place in enumerate(zip(trees, nodes, strict=True))}
    said.check(count > 0 and len(places) == count, "a node is there twice, or there is none")
    ways: dict[Place, list[Place]] = {}
    for place, number in places.items():
        if modes[number] != _LEAF:
            ways[place] = [(place[0], yes[number]), (place[0], no[number])]
    _check_ways(said, places, ways)
    _check_leaves(said, places, node.op_type)
    said.check(all(feature >= 0 for feature in features), "it asks for a column below the first")
    return int(max(features)) + 1


def _check_ways(said: Attributes, places: dict[Place, int], ways: dict[Place, list[Place]]) -> None:
    """From the one root of each tree, every node is reached, and on one way only."""
    led = [way for both in ways.values() for way in both]
    said.check(all(way in places for way in led), "a branch leads out of its tree")
    said.check(len(set(led)) == len(led), "two branches lead to one node")
    roots = defaultdict(list)
    for place in places.keys() - set(led):
        roots[place[0]].append(place)
    said.check(
        len(roots) == len({tree for tree, _ in places})
        and all(len(found) == 1 for found in roots.values()),
        "a tree has no root, or more than one",
    )
    pending, reached = [found[0] for found in roots.values()], 0
    while pending:
        reached += 1
        pending += ways.get(pending.pop(), [])
    said.check(reached == len(places), "nodes lead in circles")


def _check_leaves(said: Attributes, places: dict[Place, int], op_type: str) -> None:
    classifies = op_type == "TreeEnsembleClassifier"
    kind = "class" if classifies else "target"
    trees, nodes = said.many(f"{kind}_treeids"), said.many(f"{kind}_nodeids")
    numbers, weights = said.many(f"{kind}_ids"), said.either(f"{kind}_weights")
    said.same_length(trees, nodes, numbers, weights)
    said.check(
        all(place in places for place in zip(trees, nodes, strict=True)), "a leaf is nowhere"
    )
    most = len(said.labels()) if classifies else said.one("n_targets", 1)
    said.check(0 < most <= len(numbers), "it has no classes or targets, or more than leaves")
    said.check(all(0 <= n < most for n in numbers), "a leaf is of no class or target")
    said.check(len(said.either("base_values")) in (0, 1, most), "its base values are too many")
