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
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from servery.adapters.tree_ensemble import (
    DOMAIN,
    LABELS,
    Array,
    Node,
    TreeEnsemble,
    UnusualNodeError,
)

BLOCK_NODES = 70_000
FEWEST_TREES = 4
_OLDEST_OPSET = 13
_TWO = 2

Constant: TypeAlias = Any  # of onnx, which has no types


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
        except UnusualNodeError:
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


def _divided(node: Node, block_nodes: int) -> tuple[list[Node], list[Constant]]:
    """What stands for a node: nodes and constants."""
    kinds = {"TreeEnsembleClassifier": "class", "TreeEnsembleRegressor": "target"}
    if node.domain != DOMAIN or node.op_type not in kinds:
        raise UnusualNodeError
    forest = TreeEnsemble(node, kinds[node.op_type])
    bounds = _bounds(forest.sizes, block_nodes)
    if kinds[node.op_type] == "target":
        return _regressor(node, forest, bounds), []
    return _classifier(node, forest, bounds)


def _bounds(sizes: Array, block_nodes: int) -> list[int]:
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
        raise UnusualNodeError
    return [*bounds, len(sizes)]


def _regressor(node: Node, forest: TreeEnsemble, bounds: list[int]) -> list[Node]:
    weights = forest.leaves("weights")
    targets = forest.given["n_targets"].i if "n_targets" in forest.given else 1
    blocks = _blocks(node, forest, bounds, weights, targets)
    if "base_values" in forest.given:
        blocks[0].attribute.append(forest.given["base_values"])
    return [*blocks, helper.make_node("Sum", [b.output[0] for b in blocks], [node.output[0]])]


def _classifier(
    node: Node, forest: TreeEnsemble, bounds: list[int]
) -> tuple[list[Node], list[Constant]]:
    """Of two classes the converter writes the weights of the second alone, under id 0."""
    names = [name for name in LABELS if name in forest.given]
    weights, ids = forest.leaves("weights"), forest.leaves("ids")
    unusual = "base_values" in forest.given or (weights < 0).any()
    if len(names) != 1 or unusual or len(node.output) != len(("label", "scores")):
        raise UnusualNodeError
    labels = np.array(helper.get_attribute_value(forest.given[names[0]]))
    single = len(labels) == _TWO and not ids.any()
    if not (all(node.output) and (single or np.array_equal(np.unique(ids), range(len(labels))))):
        raise UnusualNodeError
    trees = np.float32(bounds[-1])
    label, scores = node.output
    votes = weights.astype(np.float32) * trees
    blocks = _blocks(node, forest, bounds, votes, 1 if single else len(labels))
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


def _blocks(
    node: Node, forest: TreeEnsemble, bounds: list[int], weights: Array, targets: int
) -> list[Node]:
    return [
        forest.block(
            first,
            end,
            weights=weights,
            targets=targets,
            source=node.input[0],
            name=f"{node.output[-1]}/block_{first}",
        )
        for first, end in pairwise(bounds)
    ]
