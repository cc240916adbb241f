"""Foreign graphs: what is let through, and what an attacker would send."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from servery.adapters.onnx_import import read_graph, rewrite
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.domain.digest import digest_bytes
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.spec import Column
from servery.errors import InvalidInputError, MalformedError, RejectedError, UnsupportedMediaError

NUMBERS = [Column(name="a", dtype=Dtype.FLOAT), Column(name="b", dtype=Dtype.FLOAT)]
TREE = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0],
    "target_treeids": [0, 0],
    "target_nodeids": [1, 2],
    "target_ids": [0, 0],
    "target_weights": [1.0, 2.0],
    "n_targets": 1,
}


def value(name, kind=TensorProto.FLOAT, shape=(None, 2)):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs=None, outputs=None, *, sets=(("", 18), ("ai.onnx.ml", 3)), constants=()):
    graph = helper.make_graph(
        nodes, "foreign", inputs or [value("x")], outputs or [value("y")], list(constants)
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in sets])
    made.ir_version = 9
    return made


def tree(**changes):
    said = {**TREE, **changes}
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **said)
    return model([node], outputs=[value("y", shape=(None, 1))])


def passed(made, inputs=NUMBERS):
    return rewrite(read_graph(made.SerializeToString()), inputs)


def asked(rewritten, rows, *, width=2):
    signature = Signature(
        task=Task.REGRESSION,
        inputs=[Field(name=f"c{n}", dtype=Dtype.FLOAT) for n in range(width)],
        output=Output(name="y", dtype=Dtype.FLOAT),
    )
    digest = digest_bytes(rewritten.content)
    runtime = OnnxRuntime.load(rewritten.content, digest=digest, signature=signature)
    return runtime.predict(np.array(rows, np.float32), None)[0].tolist()


def test_tree_answers_as_before_when_it_was_written_anew():
    assert asked(passed(tree()), [[9, 0], [0, 9]]) == [1.0, 2.0]


def test_linear_model_answers_as_before_when_each_column_is_its_own_input():
    joined = helper.make_node("Concat", ["b64", "a"], ["x"], axis=1)
    cast = helper.make_node("Cast", ["b"], ["b64"], to=TensorProto.FLOAT)
    line = helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=[1.0, 10.0],
        intercepts=[100.0], targets=1,
    )  # fmt: skip
    inputs = [value("b", TensorProto.DOUBLE, (None, 1)), value("a", shape=(None, 1))]
    made = model([cast, joined, line], inputs, [value("y", shape=(None, 1))])

    assert asked(passed(made), [[1, 2]]) == [112.0]


def external(tensor):
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def plain():
    return numpy_helper.from_array(np.ones((1, 2), np.float32), "w")


def _external_constant():
    return model([helper.make_node("Add", ["x", "w"], ["y"])], constants=[external(plain())])


def _external_attribute():
    made = helper.make_node("Constant", [], ["w"], value=external(plain()))
    return model([made, helper.make_node("Add", ["x", "w"], ["y"])])


def _external_inside():
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["z"])], "inner", [], [value("z")], [external(plain())]
    )
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
    return model([node], constants=[yes])


def _external_without_a_mark():
    tensor = plain()
    tensor.external_data.add(key="location", value="/proc/self/environ")
    return model([helper.make_node("Add", ["x", "w"], ["y"])], constants=[tensor])


@pytest.mark.parametrize(
    "make",
    [_external_constant, _external_attribute, _external_inside, _external_without_a_mark],
)
def test_graph_is_refused_when_its_data_is_in_other_files(make):
    with pytest.raises(UnsupportedMediaError, match="other files"):
        passed(make())


def _own_set():
    node = helper.make_node("Add", ["x", "x"], ["y"])
    return model([node], sets=(("", 18), ("evil.ops", 1)))


def _own_operator():
    return model([helper.make_node("Exfiltrate", ["x"], ["y"], domain="evil.ops")])


def _contrib():
    node = helper.make_node("FusedMatMul", ["x", "x"], ["y"], domain="com.microsoft")
    return model([node], sets=(("", 18), ("com.microsoft", 1)))


def _unknown():
    return model([helper.make_node("Addd", ["x", "x"], ["y"])])


def _random():
    return model([helper.make_node("RandomNormalLike", ["x"], ["y"])])


def _loop():
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [value("i", TensorProto.INT64, ()), value("go", TensorProto.BOOL, ())],
        [value("on", TensorProto.BOOL, ())],
    )
    many = helper.make_tensor("many", TensorProto.INT64, [], [2**62])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    nodes = [
        helper.make_node("Loop", ["many", "yes"], [], body=body),
        helper.make_node("Identity", ["x"], ["y"]),
    ]
    return model(nodes, constants=[many, yes])


def _functions():
    made = model([helper.make_node("Identity", ["x"], ["y"])])
    node = helper.make_node("Identity", ["x"], ["y"])
    made.functions.append(
        helper.make_function("", "twice", ["x"], ["y"], [node], [helper.make_opsetid("", 18)])
    )
    return made


def _future():
    return model([helper.make_node("Identity", ["x"], ["y"])], sets=(("", 999),))


def _huge():
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**40, 2**20])
    return model([helper.make_node("Add", ["x", "w"], ["y"])], constants=[tensor])


def _tree_inside():
    node = tree().graph.node[0]
    inner = helper.make_graph([node], "inner", [], [value("y")])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    around = helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
    return model([around], constants=[yes])


@pytest.mark.parametrize(
    "make",
    [
        _own_set,
        _own_operator,
        _contrib,
        _unknown,
        _random,
        _loop,
        _functions,
        _future,
        _huge,
        _tree_inside,
    ],
)
def test_graph_is_refused_when_it_is_not_of_the_standard(make):
    with pytest.raises(UnsupportedMediaError):
        passed(make())


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_truenodeids": [7, 0, 0]},
        {"nodes_truenodeids": [0, 0, 0]},
        {"nodes_truenodeids": [2, 0, 0]},
        {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], "nodes_truenodeids": [1, 0, 0]},
        {"nodes_featureids": [-1, 0, 0]},
        {"nodes_featureids": [1, 0]},
        {"nodes_values": [0.5]},
        {"nodes_nodeids": [0, 1, 1]},
        {"nodes_treeids": [0, 1, 0]},
        {"target_nodeids": [1, 9]},
        {"target_ids": [0, 5]},
        {"target_weights": [1.0]},
        {"n_targets": 0},
        {"base_values": [1.0, 2.0, 3.0]},
    ],
)
def test_trees_are_refused_when_a_walk_would_leave_them(changes):
    with pytest.raises(UnsupportedMediaError, match="hold together"):
        passed(tree(**changes))


def test_unreachable_circle_is_refused_when_the_rest_of_the_tree_is_whole():
    circle = tree(
        nodes_treeids=[0] * 5,
        nodes_nodeids=[0, 1, 2, 3, 4],
        nodes_featureids=[0] * 5,
        nodes_modes=["LEAF", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[0, 2, 1, 0, 0],
        nodes_falsenodeids=[0, 3, 4, 0, 0],
        nodes_values=[0.0] * 5,
        target_treeids=[0],
        target_nodeids=[0],
        target_ids=[0],
        target_weights=[1.0],
    )
    with pytest.raises(UnsupportedMediaError, match="circles"):
        passed(circle)


def test_model_fails_cleanly_when_a_tree_reads_beyond_the_row():
    beyond = passed(tree(nodes_featureids=[50_000, 0, 0]))

    with pytest.raises(InvalidInputError):
        asked(beyond, [[1, 2]])


@pytest.mark.parametrize("coefficients", [[1.0], [1.0, 2.0, 3.0]])
def test_linear_model_never_reads_beyond_its_numbers_when_they_are_others(coefficients):
    line = helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=coefficients,
        intercepts=[0.0], targets=1,
    )  # fmt: skip
    rewritten = passed(model([line], outputs=[value("y", shape=(None, 1))]))

    if len(coefficients) == 1:
        assert asked(rewritten, [[1, 2]]) == [1.0]
    else:
        with pytest.raises(InvalidInputError):
            asked(rewritten, [[1, 2]])


@pytest.mark.parametrize(
    ("op", "said"),
    [
        ("LinearClassifier", {"coefficients": [1.0] * 5, "intercepts": [0.0] * 2}),
        ("LinearClassifier", {"coefficients": [1.0] * 6, "intercepts": [0.0] * 3}),
        ("LinearClassifier", {"coefficients": [1.0] * 6}),
        ("SVMRegressor", {"n_supports": 9, "coefficients": [1.0], "rho": [0.0]}),
        ("SVMClassifier", {"vectors_per_class": [1, -1], "classlabels_ints": [0, 1]}),
        (
            "SVMClassifier",
            {
                "vectors_per_class": [1, 1],
                "classlabels_ints": [0, 1],
                "coefficients": [1.0],
                "support_vectors": [1.0] * 4,
                "rho": [0.0],
            },
        ),
        ("CastMap", {}),
        ("TreeEnsemble", {}),
    ],
)
def test_machine_learning_node_is_refused_when_its_lists_do_not_fit(op, said):
    labels = {"classlabels_ints": [0, 1]} if op == "LinearClassifier" else {}
    node = helper.make_node(op, ["x"], ["y", "z"], domain="ai.onnx.ml", **said, **labels)
    with pytest.raises(UnsupportedMediaError):
        passed(model([node], sets=(("", 18), ("ai.onnx.ml", 5 if op == "TreeEnsemble" else 3))))


@pytest.mark.parametrize("content", [b"", b"\x08\x0a\x12\xff\xff\xff\xff", b"\x08\x0a\x3a\x00"])
def test_file_is_refused_when_it_is_no_whole_model(content):
    with pytest.raises(MalformedError):
        read_graph(content)


def test_no_text_of_the_file_is_left_when_it_was_written_anew():
    made = tree()
    made.producer_name = made.doc_string = made.domain = "SECRET"
    made.metadata_props.add(key="session.load_model_format", value="SECRET")
    made.graph.doc_string = made.graph.name = "SECRET"
    made.graph.node[0].doc_string = made.graph.node[0].name = "SECRET"
    made.graph.node[0].attribute[0].doc_string = "SECRET"
    made.graph.value_info.append(value("SECRET"))

    assert b"SECRET" not in passed(made).content


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([value("x", shape=(None, 3))], [value("y", shape=(None, 1))]),
        ([value("x", shape=(1, 2))], [value("y", shape=(None, 1))]),
        ([value("x", TensorProto.STRING)], [value("y", shape=(None, 1))]),
        ([value("x")], [value("y")]),
        ([value("x")], [value("y", shape=(None, 1)), value("x")]),
    ],
    ids=["width", "fixed rows", "text", "two numbers a row", "two outputs"],
)
def test_graph_is_refused_when_it_does_not_fit_the_sample(inputs, outputs):
    made = model([helper.make_node("Identity", ["x"], ["y"])], inputs, outputs)
    with pytest.raises(RejectedError):
        passed(made)


def test_name_is_refused_when_the_file_has_a_tensor_of_ours():
    nodes = [
        helper.make_node("Identity", ["x"], ["numeric"]),
        helper.make_node("Identity", ["numeric"], ["y"]),
    ]
    with pytest.raises(UnsupportedMediaError, match="name that is needed"):
        passed(model(nodes, outputs=[value("y", shape=(None, 1))]))


def test_constant_cannot_be_replaced_by_a_caller_when_it_was_an_input_too():
    constant = numpy_helper.from_array(np.array([[1, 1]], np.float32), "w")
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["xw"]),
        helper.make_node("ReduceSum", ["xw"], ["y"], keepdims=1, noop_with_empty_axes=1),
    ]
    nodes[1] = helper.make_node("Gather", ["xw", "zero"], ["y"], axis=1)
    zero = numpy_helper.from_array(np.array([0], np.int64), "zero")
    made = model(
        nodes,
        [value("x"), value("w", shape=(1, 2))],
        [value("y", shape=(None, 1))],
        constants=[constant, zero],
    )
    rewritten = passed(made)

    assert [i.name for i in onnx.load_from_string(rewritten.content).graph.input] == ["numeric"]
    assert asked(rewritten, [[3, 4]]) == [3.0]


def _short_tensor():
    made = tree()
    node = made.graph.node[0]
    node.attribute.remove(next(a for a in node.attribute if a.name == "nodes_values"))
    short = TensorProto(data_type=TensorProto.DOUBLE, dims=[3], raw_data=b"abc")
    node.attribute.add(name="nodes_values_as_tensor", type=onnx.AttributeProto.TENSOR, t=short)
    return made


def _two_lists():
    made = tree()
    made.graph.node[0].attribute.add(
        name="nodes_values_as_tensor",
        type=onnx.AttributeProto.TENSOR,
        t=numpy_helper.from_array(np.zeros(1)),
    )
    return made


def _without_inputs():
    made = tree()
    del made.graph.node[0].input[:]
    return made


def _in_training():
    ratio = helper.make_tensor("ratio", TensorProto.FLOAT, [], [0.5])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    node = helper.make_node("Dropout", ["x", "ratio", "yes"], ["y"])
    return model([node], outputs=[value("y", shape=(None, 1))], constants=[ratio, yes])


@pytest.mark.parametrize(
    "make",
    [
        lambda: tree(nodes_featureids=[2**31, 0, 0]),
        lambda: tree(nodes_featureids=["a", "b", "c"]),
        _short_tensor,
        _two_lists,
        _without_inputs,
        _in_training,
    ],
    ids=["too wide", "text", "short tensor", "two lists", "no inputs", "dropout in training"],
)
def test_graph_is_refused_and_no_fault_when_a_node_is_not_what_it_has_to_be(make):
    with pytest.raises(RejectedError):
        passed(make())


def test_graph_has_only_what_was_looked_at_when_it_was_written_anew():
    tensor = plain()
    tensor.doc_string = "a text"
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["z"], value=tensor)], "inner", [], [value("z")]
    )
    inner.metadata_props.add(key="more", value="a text")
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
    unknown = b"\xfa\x7f\x06a text"  # field 2047, which no version has
    node.ParseFromString(node.SerializeToString() + unknown)

    made = passed(model([node], outputs=[value("y", shape=(None, 1))], constants=[yes]))

    assert b"a text" not in made.content
