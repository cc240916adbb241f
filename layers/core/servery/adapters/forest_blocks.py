"""Rewrites a graph so that a large forest stays in the processor's cache.

onnxruntime takes 128 rows at a time through all trees of a node. A forest of 100 trees and 334,000
nodes falls out of the cache again for each of them: 24.7 us a row in calls of 4,096 rows on one
thread, and 14.0 in blocks. A call of one row takes 64.7 us instead of 57.5; smaller blocks make no
large call faster, and each costs 2 us.

As several nodes of about `BLOCK_NODES` nodes of trees each, whose sums are added, each node takes
all rows of a call through its own trees, which stay where they are. A classifier's blocks add up
votes and divide once, as scikit-learn does: halves of an even forest stay halves, whereas
hundredths of 32 bits are added up to a little more or less, and the label with them.

    python -m benchmarks.forest_blocks

The proof of the export decides about the result; the graph as it was converted comes after it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

BLOCK_NODES = 70_000
FEWEST_TREES = 4
_OLDEST_OPSET = 13
_DOMAIN = "ai.onnx.ml"
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
_LABELS = {"classlabels_int64s", "classlabels_strings"}


class _Unusual(Exception):  # noqa: N818 - not an error: the node is left as it is
    """A node that is not of the form that is divided here."""


def divide(graph: onnx.ModelProto, *, block_nodes: int = BLOCK_NODES) -> onnx.ModelProto | None:
    """The graph with its large forests in blocks; None where there is none.

    Names, order and types of its outputs stay, and so do the versions of its operators.

    Args:
        graph: As converted; not changed.
        block_nodes: About how many nodes of trees a block has; a forest of no more is left as it
            is, and a block has `FEWEST_TREES` trees or more.
    """
    if not any(o.domain == "" and o.version >= _OLDEST_OPSET for o in graph.opset_import):
        return None
    nodes, constants, changed = [], [], False
    for node in graph.graph.node:
        try:
            made, added = _divided(node, block_nodes)
        except _Unusual:
            nodes.append(node)
            continue
        nodes += made
        constants += added
        changed = True
    if not changed:
        return None
    divided = onnx.ModelProto()
    divided.CopyFrom(graph)
    del divided.graph.node[:]
    divided.graph.node.extend(nodes)
    divided.graph.initializer.extend(constants)
    return divided


def _divided(node: Any, block_nodes: int) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 - untyped library
    """What stands for a node: nodes and constants."""
    kinds = {"TreeEnsembleClassifier": "class", "TreeEnsembleRegressor": "target"}
    if node.domain != _DOMAIN or node.op_type not in kinds:
        raise _Unusual
    forest = _Forest(node, kinds[node.op_type])
    bounds = _bounds(forest.sizes, block_nodes)
    if kinds[node.op_type] == "target":
        return _regressor(node, forest, bounds), []
    return _classifier(node, forest, bounds)


class _Forest:
    """The attributes of a tree ensemble, and its trees one after the other."""

    def __init__(self, node: Any, kind: str) -> None:  # noqa: ANN401 - untyped library
        self.given = {each.name: each for each in node.attribute}
        self._kind = kind
        self._leaves = {f"{kind}_{name}" for name in _OF_LEAVES}
        known = _OF_NODES | self._leaves | _PLAIN.keys() | {"n_targets", "base_values"} | _LABELS
        plain = all(self.given[name].s == _PLAIN[name] for name in _PLAIN if name in self.given)
        if not (self.given.keys() <= known and plain and self._leaves <= self.given.keys()):
            raise _Unusual
        self._nodes, self.sizes = self._ends(_OF_NODES, "nodes_treeids")
        self._weights, _ = self._ends(self._leaves, f"{kind}_treeids")

    def _ends(self, names: set[str], trees: str) -> tuple[Any, Any]:
        """Where each tree begins in some lists and the last one ends; how long each is there."""
        ids = np.array(self.given[trees].ints if trees in self.given else [], dtype=np.int64)
        lengths = {len(self._list(name)) for name in names & self.given.keys()}
        if not len(ids) or (np.diff(ids) < 0).any() or not lengths <= {0, len(ids)}:
            raise _Unusual
        found, counts = np.unique(ids, return_counts=True)
        if not np.array_equal(found, np.unique(self.given["nodes_treeids"].ints)):
            raise _Unusual
        return np.concatenate([[0], np.cumsum(counts)]), counts

    def _list(self, name: str) -> Any:  # noqa: ANN401 - untyped library
        if self.given[name].type not in _LISTS:
            raise _Unusual
        return getattr(self.given[name], _LISTS[self.given[name].type])

    def leaves(self, name: str) -> Any:  # noqa: ANN401 - untyped library
        """What its leaves have of `ids` or `weights`."""
        return np.array(self._list(f"{self._kind}_{name}"))

    def block(self, first: int, end: int, **named: Any) -> Any:  # noqa: ANN401 - untyped library
        """The trees from `first` to before `end` as a regressor, without base values.

        Args:
            first: Counted from 0.
            end: That of the first tree that is no longer in it.
            named: `weights` of the whole forest, number of `targets`, `source` and `name`.
        """
        made = helper.make_node(
            "TreeEnsembleRegressor",
            [named["source"]],
            [named["name"]],
            name=named["name"],
            domain=_DOMAIN,
            n_targets=named["targets"],
        )
        for ends, names in ((self._nodes, _OF_NODES), (self._weights, self._leaves)):
            part = slice(int(ends[first]), int(ends[end]))
            for name in sorted(names & self.given.keys()):
                kind = self.given[name].type
                new = made.attribute.add(name=name.replace("class_", "target_"), type=kind)
                values = named["weights"] if name.endswith("_weights") else self._list(name)
                getattr(new, _LISTS[kind]).extend(values[part])
        return made


def _bounds(sizes: Any, block_nodes: int) -> list[int]:  # noqa: ANN401 - an array
    """The first tree of each block, and the number of trees; blocks of nearly the same size."""
    count = min(-(-int(sizes.sum()) // block_nodes), len(sizes) // FEWEST_TREES)
    bounds, held = [0], 0
    for tree, size in enumerate(sizes):
        full = held + size / 2 > sizes.sum() / max(count, 1)
        if full and min(tree - bounds[-1], len(sizes) - tree) >= FEWEST_TREES:
            bounds.append(tree)
            held = 0
        held += size
    if count <= 1 or len(bounds) == 1:
        raise _Unusual
    return [*bounds, len(sizes)]


def _regressor(node: Any, forest: _Forest, bounds: list[int]) -> list[Any]:  # noqa: ANN401
    weights = forest.leaves("weights")
    targets = forest.given["n_targets"].i if "n_targets" in forest.given else 1
    blocks = _blocks(node, forest, bounds, weights=weights, targets=targets)
    if "base_values" in forest.given:
        blocks[0].attribute.append(forest.given["base_values"])
    return [*blocks, helper.make_node("Sum", [b.output[0] for b in blocks], [node.output[0]])]


def _classifier(node: Any, forest: _Forest, bounds: list[int]) -> tuple[list[Any], list[Any]]:  # noqa: ANN401
    """Of two classes the converter writes the weights of the second alone, under id 0."""
    names = [name for name in _LABELS if name in forest.given]
    weights, ids = forest.leaves("weights"), forest.leaves("ids")
    unusual = "base_values" in forest.given or (weights < 0).any()
    if len(names) != 1 or unusual or len(node.output) != len(("label", "scores")):
        raise _Unusual
    labels = np.array(helper.get_attribute_value(forest.given[names[0]]))
    single = len(labels) == 2 and not ids.any()  # noqa: PLR2004
    if not (all(node.output) and (single or np.array_equal(np.unique(ids), range(len(labels))))):
        raise _Unusual
    trees = np.float32(bounds[-1])
    label, scores = node.output
    votes = weights.astype(np.float32) * trees
    blocks = _blocks(node, forest, bounds, weights=votes, targets=1 if single else len(labels))
    own = {part: f"{scores}/{part}" for part in ("votes", "trees", "one", "second", "first")}
    own |= {part: f"{scores}/{part}" for part in ("labels", "best")}
    shares = own["second"] if single else scores
    made = [
        helper.make_node("Sum", [block.output[0] for block in blocks], [own["votes"]]),
        helper.make_node("Div", [own["votes"], own["trees"]], [shares]),
    ]
    if single:
        made.append(helper.make_node("Sub", [own["one"], shares], [own["first"]]))
        made.append(helper.make_node("Concat", [own["first"], shares], [scores], axis=1))
    made.append(helper.make_node("ArgMax", [scores], [own["best"]], axis=1, keepdims=0))
    made.append(helper.make_node("Gather", [own["labels"], own["best"]], [label], axis=0))
    listed = labels.astype(np.int64) if names[0].endswith("int64s") else labels.astype(object)
    constants = [
        numpy_helper.from_array(np.array([trees], dtype=np.float32), own["trees"]),
        numpy_helper.from_array(listed, own["labels"]),
    ]
    if single:
        constants.append(numpy_helper.from_array(np.ones(1, dtype=np.float32), own["one"]))
    return [*blocks, *made], constants


def _blocks(node: Any, forest: _Forest, bounds: list[int], **named: Any) -> list[Any]:  # noqa: ANN401
    return [
        forest.block(
            first, end, source=node.input[0], name=f"{node.output[-1]}/block_{first}", **named
        )
        for first, end in pairwise(bounds)
    ]
