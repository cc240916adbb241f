"""Where an exported graph is cut, and what cannot be."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from servery.adapters.onnx_cutter import cut, mark_features
from servery.errors import RejectedError

OPSETS = [helper.make_opsetid("", 17)]


def _graph(nodes, *, inputs=("numeric",), text=False, constants=()):
    kinds = {"numeric": TensorProto.FLOAT, "text": TensorProto.STRING}
    graph = helper.make_graph(
        [helper.make_node(kind, taken, [given], **more) for kind, taken, given, more in nodes],
        "whole",
        [helper.make_tensor_value_info(name, kinds[name], [None, 2]) for name in inputs],
        [helper.make_empty_tensor_value_info("out")],
        [numpy_helper.from_array(np.array(v, dtype=np.float32), name) for name, v in constants],
    )
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=8)


def _marked(model, tensor):
    mark_features(model, model, tensor)
    return model.SerializeToString()


def _run(content, **given):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


CONSTANTS = (("by", [2.0, 3.0]), ("more", [[1.0], [1.0]]))
SCALED = ("Mul", ["numeric", "by"], "scaled", {})
ADDED = ("MatMul", ["scaled", "more"], "out", {})


def test_each_half_has_its_own_nodes_and_constants_when_cut():
    content = _marked(_graph([SCALED, ADDED], constants=CONSTANTS), "scaled")

    preprocessor, predictor = (onnx.load_from_string(half) for half in cut(content, features=2))

    assert [i.name for i in preprocessor.graph.initializer] == ["by"]
    assert [i.name for i in predictor.graph.initializer] == ["more"]
    assert [i.name for i in predictor.graph.input] == ["numeric"]
    assert [o.name for o in predictor.graph.output] == ["out"]
    assert not predictor.metadata_props
    assert cut(content, features=2) == cut(content, features=2)
    rows = np.array([[1, 10], [2, 20]], dtype=np.float32)
    features = _run(preprocessor.SerializeToString(), numeric=rows)
    assert features.tolist() == [[2, 30], [4, 60]]
    assert _run(predictor.SerializeToString(), numeric=features).tolist() == [[32], [64]]


def test_cut_is_found_when_identities_are_gone_from_the_graph():
    converted = _graph(
        [SCALED, ("Identity", ["scaled"], "a", {}), ("Identity", ["a"], "b", {}), ADDED],
        constants=CONSTANTS,
    )
    graph = _graph([SCALED, ADDED], constants=CONSTANTS)

    mark_features(graph, converted, "b")

    preprocessor, _ = cut(graph.SerializeToString(), features=2)
    assert _run(preprocessor, numeric=np.ones((1, 2), dtype=np.float32)).tolist() == [[2, 3]]


def test_features_are_the_inputs_when_nothing_is_prepared():
    model = _graph([("MatMul", ["numeric", "more"], "out", {})], constants=CONSTANTS)

    preprocessor, predictor = cut(_marked(model, "numeric"), features=2)

    rows = np.array([[1, 10]], dtype=np.float32)
    assert _run(preprocessor, numeric=rows).tolist() == rows.tolist()
    assert _run(predictor, numeric=rows).tolist() == [[11]]


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL])
def test_whole_numbers_travel_as_floats_when_the_estimator_takes_them(kind):
    nodes = [
        ("Cast", ["numeric"], "codes", {"to": kind}),
        ("Cast", ["codes"], "out", {"to": TensorProto.STRING}),
    ]
    content = _marked(_graph(nodes), "codes")
    rows = np.array([[0, 7]], dtype=np.float32)

    preprocessor, predictor = cut(content, features=2)

    features = _run(preprocessor, numeric=rows)
    assert features.dtype == np.float32
    assert _run(predictor, numeric=features).tolist() == _run(content, numeric=rows).tolist()


@pytest.mark.parametrize(
    ("model", "tensor", "sentence"),
    [
        (_graph([SCALED, ADDED], constants=CONSTANTS), "", "no tensor of the exported graph"),
        (_graph([SCALED, ADDED], constants=CONSTANTS), "else", "no tensor of the exported graph"),
        (
            _graph([SCALED, ("Add", ["scaled", "numeric"], "out", {})], constants=CONSTANTS),
            "scaled",
            "the estimator takes more than the features",
        ),
        (
            _graph([("Identity", ["text"], "out", {})], inputs=["text"]),
            "text",
            r"the features are tensor\(string\)",
        ),
        (
            _graph(
                [
                    ("Cast", ["numeric"], "long", {"to": TensorProto.DOUBLE}),
                    ("Neg", ["long"], "out", {}),
                ]
            ),
            "long",
            r"the features are tensor\(double\), and only numbers of 32 bits travel",
        ),
        (
            _graph([("Nothing", ["numeric"], "made", {}), ("Neg", ["made"], "out", {})]),
            "made",
            "what comes before the estimator does not load",
        ),
    ],
)
def test_graph_is_refused_with_the_reason_when_it_cannot_be_cut(model, tensor, sentence):
    with pytest.raises(RejectedError, match=sentence):
        cut(_marked(model, tensor), features=2)


def test_graphs_within_nodes_count_as_read_when_cut():
    """A branch that reads the inputs past the features."""
    branch = helper.make_graph(
        [helper.make_node("Identity", ["numeric"], ["chosen"])],
        "branch",
        [],
        [helper.make_empty_tensor_value_info("chosen")],
    )
    nodes = [
        SCALED,
        ("ReduceSum", ["scaled"], "sum", {"keepdims": 0}),
        ("Cast", ["sum"], "yes", {"to": TensorProto.BOOL}),
        ("If", ["yes"], "out", {"then_branch": branch, "else_branch": branch}),
    ]

    with pytest.raises(RejectedError, match="takes more than the features"):
        cut(_marked(_graph(nodes, constants=CONSTANTS), "scaled"), features=2)
