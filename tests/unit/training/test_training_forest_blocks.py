"""Forests in blocks answer as the graph that was converted does."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import checker
from servery.adapters.forest_blocks import BLOCK_NODES, FEWEST_TREES, divide
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

WIDTH = 8
ROWS, KINDS = make_classification(
    1200, WIDTH, n_informative=6, n_classes=3, flip_y=0.1, random_state=0
)
ROWS = ROWS.astype(np.float32)
TARGETS = {
    "two ints": np.array([7, -3])[(KINDS > 0).astype(int)],
    "two strings": np.array(["ä", "b"])[(KINDS > 0).astype(int)],
    "bools": KINDS > 0,
    "three ints": KINDS * 5,
    "three strings": np.array(["a", "", "c"])[KINDS],
    "floats": KINDS + ROWS[:, 0].astype(float),
    "pairs": np.stack([KINDS, -KINDS], axis=1).astype(float),
}


def _converted(model, target):
    """The graph of a model that has learned half of the rows."""
    model.fit(ROWS[:600], TARGETS[target][:600])
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    options = {id(last): {"zipmap": False}} if hasattr(last, "classes_") else None
    kinds = [("numeric", FloatTensorType([None, WIDTH]))]
    return to_onnx(model, initial_types=kinds, options=options)


def _answers(graph, rows=ROWS):
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, {"numeric": rows})


def _trees(graph):
    """How many trees each regressor has."""
    found = [n for n in graph.graph.node if n.op_type == "TreeEnsembleRegressor"]
    ids = [{i for a in n.attribute if a.name == "nodes_treeids" for i in a.ints} for n in found]
    return [len(each) for each in ids]


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize(
    "target", ["two ints", "two strings", "bools", "three ints", "three strings"]
)
def test_labels_and_probabilities_stay_when_a_classifier_is_in_blocks(kind, target):
    # 31 is odd: with two classes no vote is even, where the sum as converted goes either way.
    model = kind(31, random_state=1)
    graph = _converted(model, target)

    divided = divide(graph, block_nodes=1000)

    checker.check_model(divided)
    assert len(_trees(divided)) > 2
    assert sum(_trees(divided)) == 31
    assert list(divided.graph.output) == list(graph.graph.output)
    assert list(divided.opset_import) == list(graph.opset_import)
    (label, scores), (labels, expected) = _answers(divided), _answers(graph)
    assert label.dtype == labels.dtype
    assert scores.dtype == expected.dtype
    assert scores.shape == expected.shape
    assert np.abs(scores - expected).max() < 1e-6
    assert np.abs(scores - model.predict_proba(ROWS)).max() < 1e-6
    assert (label == model.predict(ROWS)).all()
    clear = np.diff(np.sort(model.predict_proba(ROWS))[:, -2:])[:, 0] > 1e-6
    assert clear.mean() > 0.9
    assert (label == labels)[clear].all()


def test_labels_are_those_of_the_pipeline_when_votes_are_even():
    model = RandomForestClassifier(100, random_state=1)
    divided = divide(_converted(model, "two strings"), block_nodes=1000)

    even = model.predict_proba(ROWS)[:, 0] == 0.5
    assert even.any()
    assert (_answers(divided)[0] == model.predict(ROWS)).all()


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("target", ["floats", "pairs"])
def test_values_stay_when_a_regressor_is_in_blocks(kind, target):
    graph = _converted(kind(30, random_state=1), target)

    divided = divide(graph, block_nodes=2000)

    assert len(_trees(divided)) > 2
    (found,), (expected,) = _answers(divided), _answers(graph)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert found == pytest.approx(expected, abs=5e-6)


def test_base_values_count_once_when_a_regressor_has_them():
    graph = _converted(GradientBoostingRegressor(n_estimators=40, random_state=1), "floats")
    bases = [a.name for n in graph.graph.node for a in n.attribute].count("base_values")

    divided = divide(graph, block_nodes=100)

    assert bases == [a.name for n in divided.graph.node for a in n.attribute].count("base_values")
    assert bases == 1
    assert _answers(divided)[0] == pytest.approx(_answers(graph)[0], abs=5e-6)


@pytest.mark.parametrize("target", ["two ints", "three strings", "floats"])
def test_one_row_is_answered_when_a_scaler_comes_before_the_blocks(target):
    kind = RandomForestRegressor if target == "floats" else RandomForestClassifier
    graph = _converted(make_pipeline(StandardScaler(), kind(21, random_state=2)), target)

    divided = divide(graph, block_nodes=1000)

    assert "Scaler" in [node.op_type for node in divided.graph.node]
    scores = _answers(graph)[-1]
    clear = np.diff(np.sort(scores))[:, -1:].min(axis=1, initial=1) > 1e-5  # a tie goes either way
    rows = ROWS[clear]
    for asked in (rows[:1], rows[:0], rows):
        for found, expected in zip(_answers(divided, asked), _answers(graph, asked), strict=True):
            assert found.shape == expected.shape
            if found.dtype == np.float32:
                assert found == pytest.approx(expected, abs=1e-6)
            else:
                assert (found == expected).all()


def test_no_block_has_fewer_trees_than_four_when_trees_are_large():
    divided = divide(_converted(RandomForestClassifier(11), "three ints"), block_nodes=10)

    assert sum(_trees(divided)) == 11
    assert min(_trees(divided)) >= FEWEST_TREES


@pytest.mark.parametrize(
    ("model", "block_nodes"),
    [
        (DecisionTreeClassifier(), 10),
        (RandomForestClassifier(7), 10),
        (RandomForestClassifier(20), BLOCK_NODES),
        (GradientBoostingClassifier(n_estimators=40), 10),
    ],
    ids=["one tree", "fewer trees than two blocks have", "small", "with a link"],
)
def test_a_graph_is_left_as_it_is_when_there_is_nothing_to_divide(model, block_nodes):
    assert divide(_converted(model, "two ints"), block_nodes=block_nodes) is None


@pytest.mark.parametrize(
    ("name", "value"), [("aggregate_function", b"AVERAGE"), ("post_transform", b"PROBIT")]
)
def test_a_forest_is_left_as_it_is_when_its_sums_are_not_plain(name, value):
    graph = _converted(RandomForestRegressor(20), "floats")
    (forest,) = graph.graph.node
    for attribute in [a for a in forest.attribute if a.name == name]:
        forest.attribute.remove(attribute)
    forest.attribute.add(name=name, s=value, type=3)

    assert divide(graph, block_nodes=1000) is None
