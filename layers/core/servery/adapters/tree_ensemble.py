"""A tree ensemble of ONNX: its attributes, and some of its trees as a node of their own."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper

DOMAIN = "ai.onnx.ml"
LABELS = frozenset({"classlabels_int64s", "classlabels_strings"})
"""The attributes of which a classifier has one."""
_LISTS = {onnx.AttributeProto.INTS: "ints", onnx.AttributeProto.FLOATS: "floats"} | {
    onnx.AttributeProto.STRINGS: "strings"
}
_OF_NODES = {
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
}
_OF_LEAVES = {"ids", "nodeids", "treeids", "weights"}
_PLAIN = {"post_transform": b"NONE", "aggregate_function": b"SUM"}

Node: TypeAlias = Any  # of onnx, which has no types
Array: TypeAlias = Any  # of numbers or texts


class UnusualNodeError(Exception):
    """A node that is not of the form that is understood here."""


class TreeEnsemble:
    """The attributes of a tree ensemble, and its trees one after the other.

    Args:
        node: The node.
        kind: What its leaves speak of, `class` or `target`.

    Attributes:
        given: The attributes, by name.
        sizes: How many nodes each tree has.

    Raises:
        UnusualNodeError: it has an attribute that is not understood, or trees in disorder.
    """

    def __init__(self, node: Node, kind: str) -> None:
        self.given = {each.name: each for each in node.attribute}
        self._kind = kind
        self._leaves = {f"{kind}_{name}" for name in _OF_LEAVES}
        known = _OF_NODES | self._leaves | _PLAIN.keys() | {"n_targets", "base_values"} | LABELS
        plain = all(self.given[name].s == _PLAIN[name] for name in _PLAIN if name in self.given)
        if not (self.given.keys() <= known and plain and self._leaves <= self.given.keys()):
            raise UnusualNodeError
        self._nodes, self.sizes = self._ends(_OF_NODES, "nodes_treeids")
        self._weights, _ = self._ends(self._leaves, f"{kind}_treeids")

    def _ends(self, names: set[str], trees: str) -> tuple[Array, Array]:
        """Where each tree begins in some lists and the last one ends; how long each is there."""
        ids = np.array(self.given[trees].ints if trees in self.given else [], dtype=np.int64)
        lengths = {len(self._list(name)) for name in names & self.given.keys()}
        if not len(ids) or (np.diff(ids) < 0).any() or not lengths <= {0, len(ids)}:
            raise UnusualNodeError
        found, counts = np.unique(ids, return_counts=True)
        if not np.array_equal(found, np.unique(self.given["nodes_treeids"].ints)):
            raise UnusualNodeError
        return np.concatenate([[0], np.cumsum(counts)]), counts

    def _list(self, name: str) -> Array:
        if self.given[name].type not in _LISTS:
            raise UnusualNodeError
        return getattr(self.given[name], _LISTS[self.given[name].type])

    def leaves(self, name: str) -> Array:
        """What its leaves have of `ids` or `weights`."""
        return np.array(self._list(f"{self._kind}_{name}"))

    def block(
        self, first: int, end: int, *, weights: Array, targets: int, source: str, name: str
    ) -> Node:
        """The trees from `first` to before `end` as a regressor, without base values.

        Args:
            first: Counted from 0.
            end: That of the first tree that is no longer in it.
            weights: Of the leaves of the whole forest.
            targets: How many values a row has.
            source: What the node reads.
            name: Of the node and of what it writes.
        """
        made = helper.make_node(
            "TreeEnsembleRegressor",
            [source],
            [name],
            name=name,
            domain=DOMAIN,
            n_targets=targets,
        )
        for ends, names in ((self._nodes, _OF_NODES), (self._weights, self._leaves)):
            part = slice(int(ends[first]), int(ends[end]))
            for each in sorted(names & self.given.keys()):
                kind = self.given[each].type
                new = made.attribute.add(name=each.replace("class_", "target_"), type=kind)
                values = weights if each.endswith("_weights") else self._list(each)
                getattr(new, _LISTS[kind]).extend(values[part])
        return made
