"""Foreign skops files: what the allow-list lets through, and what an attacker would write."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from servery.adapters.skops_import import read_skops
from servery.adapters.skops_import.native import check_native
from servery.errors import MalformedError, RejectedError, UnsupportedMediaError
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.random((40, 3)).astype(np.float32)
KINDS = np.array(["a", "b", "c"])[RANDOM.integers(0, 3, 40)]
TREE = DecisionTreeClassifier(max_depth=3).fit(ROWS, KINDS)


def dumped(model):
    return skops.io.dumps(model)


def rewritten(content, change, files=None):
    """A skops file with its schema changed, and files put in place of others."""
    old = zipfile.ZipFile(io.BytesIO(content))
    schema = json.loads(old.read("schema.json"))
    change(schema)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            if name != "schema.json":
                new.writestr(name, (files or {}).get(name, old.read(name)))
        new.writestr("schema.json", json.dumps(schema))
    return made.getvalue()


def nodes(schema, loader):
    """All nodes of a file with that loader."""
    found = []
    pending = [schema]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if one.get("__loader__") == loader:
                found.append(one)
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return found


@pytest.mark.parametrize(
    "model",
    [
        TREE,
        RandomForestClassifier(3).fit(ROWS, KINDS),
        HistGradientBoostingClassifier(max_iter=2).fit(ROWS, KINDS),
        SVC(probability=True).fit(ROWS, KINDS),
        KNeighborsClassifier(algorithm="brute").fit(ROWS, KINDS),
        make_pipeline(
            ColumnTransformer([("n", StandardScaler(), [0, 1]), ("rest", "passthrough", [2])]),
            LogisticRegression(),
        ).fit(ROWS, KINDS),
    ],
    ids=lambda model: type(model).__name__,
)
def test_pipeline_answers_as_before_when_it_is_on_the_list(model):
    found = read_skops(dumped(model))

    ours = joblib.load(io.BytesIO(found.content))
    assert ours.predict(ROWS).tolist() == model.predict(ROWS).tolist()
    assert found.classes == ["a", "b", "c"]
    assert found.classifies


def test_pipeline_computes_alone_when_its_file_asks_for_every_core():
    forest = RandomForestClassifier(3, n_jobs=-1, verbose=2).fit(ROWS, KINDS)

    found = read_skops(dumped(forest)).pipeline[-1]

    assert (found.n_jobs, found.verbose) == (1, 0)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(ROWS, KINDS),
        KNeighborsClassifier(algorithm="kd_tree").fit(ROWS, KINDS),
        HashingVectorizer(),
        {"a": 1},
        StandardScaler().fit(ROWS),
    ],
    ids=["function", "native tree", "not listed", "no estimator", "no predictor"],
)
def test_file_is_refused_when_its_content_is_not_on_the_list(model):
    with pytest.raises(RejectedError):
        read_skops(dumped(model))


def _call(loader, module, name, **content):
    node = {"__class__": name, "__module__": module, "__loader__": loader, **content}

    def change(schema):
        schema["content"]["content"]["max_depth"] = node

    return change


ARGUMENTS = {
    "__class__": "tuple",
    "__module__": "builtins",
    "__loader__": "TupleNode",
    "content": [
        {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "JsonNode",
            "content": '"touch /tmp/owned"',
        }
    ],
}


@pytest.mark.parametrize(
    "change",
    [
        _call("FunctionNode", "os", "system"),
        _call("TypeNode", "os", "system"),
        _call("TypeNode", "subprocess", "Popen"),
        _call("ObjectNode", "subprocess", "Popen", content=ARGUMENTS),
        _call("ConstructorFromReduceNode", "subprocess", "Popen", content=ARGUMENTS),
        _call("ConstructorFromReduceNode", "builtins", "str", content=ARGUMENTS),
        _call("OperatorFuncNode", "operator", "methodcaller", attrs=ARGUMENTS),
        _call("MethodNode", "builtins", "function", content={"func": "system", "obj": ARGUMENTS}),
        _call("PartialNode", "functools", "partial", content={}),
        _call("ReduceNode", "os", "system", content=ARGUMENTS),
        _call("DictNode", "os", "environ", content={}, key_types=ARGUMENTS),
        _call("NdArrayNode", "os", "system", type="numpy", file="1.npy"),
        _call("LossNode", "os", "system", content=ARGUMENTS),
        _call("TreeNode", "os", "system", content=ARGUMENTS),
        _call("CachedNode", "builtins", "str"),
        _call("ObjectNode", "sklearn.datasets._openml", "fetch_openml"),
        _call("Nobody", "builtins", "str"),
        _call("TypeNode", None, "system"),
        lambda schema: schema["content"]["content"].update({"__loader__": {"a": 1}}),
    ],
)
def test_file_is_refused_before_anything_is_built_when_it_names_what_is_not_listed(
    change, monkeypatch
):
    def built(*_args, **_more):
        pytest.fail("something was built")

    monkeypatch.setattr(skops.io, "loads", built)
    with pytest.raises(RejectedError, match=r"not on the allow-list|without a type"):
        read_skops(rewritten(dumped(TREE), change))


@pytest.mark.parametrize("protocol", [0, 1, 3, True, "2", None])
def test_file_is_refused_when_it_chooses_an_older_builder(protocol):
    content = rewritten(dumped(TREE), lambda schema: schema.update(protocol=protocol))
    with pytest.raises(UnsupportedMediaError, match="another version of skops"):
        read_skops(content)


def _array_of(content, key):
    schema = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("schema.json"))
    (tree,) = nodes(schema, "TreeNode")
    name = tree["content"]["content"][key]["file"]
    return name, np.load(io.BytesIO(zipfile.ZipFile(io.BytesIO(content)).read(name)))


def _npy(array):
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("left_child", 0),
        ("left_child", 10**9),
        ("left_child", -7),
        ("right_child", 10**9),
        ("right_child", 0),
        ("feature", 3),
        ("feature", -5),
        ("feature", 10**9),
    ],
)
def test_tree_is_refused_when_a_walk_would_leave_it(field, number):
    content = dumped(TREE)
    name, stored = _array_of(content, "nodes")
    stored[field][0] = number
    with pytest.raises(MalformedError, match="hold together"):
        read_skops(rewritten(content, lambda _: None, {name: _npy(stored)}))


@pytest.mark.parametrize("count", ["1000000", "0", "-1", "true", '"5"', "[1]"])
def test_tree_is_refused_when_it_says_to_have_other_nodes_than_it_has(count):
    def change(schema):
        (tree,) = nodes(schema, "TreeNode")
        tree["content"]["content"]["node_count"]["content"] = count

    with pytest.raises(MalformedError, match="hold together"):
        read_skops(rewritten(dumped(TREE), change))


def _set(estimator, **values):
    """The file of an estimator, with attributes changed after it was fitted."""
    for name, one in values.items():
        setattr(estimator, name, one)
    return dumped(estimator)


def _narrow_forest():
    forest = RandomForestClassifier(2).fit(ROWS, KINDS)
    forest.n_features_in_ = 1
    return dumped(forest)


def _histogram(field, number):
    model = HistGradientBoostingClassifier(max_iter=1).fit(ROWS, KINDS)
    model._predictors[0][0].nodes[field][0] = number
    return dumped(model)


def _boosted():
    model = GradientBoostingRegressor(n_estimators=2).fit(ROWS, ROWS[:, 0])
    return _set(model, n_trees_per_iteration_=0)


def _support(**values):
    return _set(SVC(probability=True).fit(ROWS, KINDS), **values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: _set(DecisionTreeClassifier().fit(ROWS, KINDS), n_features_in_=1),
        _narrow_forest,
        lambda: _set(RandomForestClassifier(2).fit(ROWS, KINDS), estimators_=[1]),
        lambda: _histogram("left", 10**6),
        lambda: _histogram("feature_idx", 10**6),
        lambda: _histogram("is_categorical", 1),
        _boosted,
        lambda: _support(_dual_coef_=np.zeros((1, 1))),
        lambda: _support(_n_support=np.array([9, 9, 9], np.int32)),
        lambda: _support(_n_support=np.array([-1, 20, 21], np.int32)),
        lambda: _support(support_vectors_=np.zeros((3, 1))),
        lambda: _support(_intercept_=np.zeros(1)),
        lambda: _support(_probA=np.zeros(1)),
        lambda: _support(shape_fit_=(40, 1)),
        lambda: _support(kernel="precomputed"),
        lambda: _set(KNeighborsClassifier(algorithm="brute").fit(ROWS, KINDS), _fit_method="x"),
    ],
)
def test_estimator_is_refused_when_its_parts_do_not_fit_each_other(make):
    with pytest.raises(RejectedError, match=r"fit each other|hold together|not whole|categ|brute"):
        read_skops(make())


def _zip(members, compression=zipfile.ZIP_STORED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\0" * 100,
        _zip([("data.pkl", b"\x80\x04.")]),
        _zip([("schema.json", "{}"), ("../../etc/passwd.npy", "x")]),
        _zip([("schema.json", "{}"), ("1.pkl", b"\x80\x04.")]),
        _zip([("schema.json", "[]")]),
        _zip([("schema.json", "[" * 100_000)]),
        _zip([("schema.json", "{")]),
        _zip([("schema.json", b"\xff")]),
        _zip([("schema.json", '{"protocol": 2}')]),
    ],
)
def test_file_is_refused_when_it_is_no_whole_skops_file(content):
    with pytest.raises(RejectedError):
        read_skops(content)


def test_file_is_refused_unread_when_it_would_fill_the_memory():
    bomb = _zip([("schema.json", "{}"), ("1.npy", b"\0" * (401 * 10**6))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10**6
    with pytest.raises(UnsupportedMediaError, match="when unpacked"):
        read_skops(bomb)


def test_member_is_refused_when_it_is_longer_than_it_says():
    good = bytearray(_zip([("schema.json", '{"protocol": 2}' + " " * 50)], zipfile.ZIP_DEFLATED))
    directory = good.rindex(b"PK\x01\x02")
    struct.pack_into("<I", good, directory + 24, 15)
    with pytest.raises(RejectedError):
        read_skops(bytes(good))


@pytest.mark.parametrize(
    "array",
    [
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }"
        + b" " * 47
        + b"\n",
        _npy(np.zeros(3))[:-8],
        _npy(np.zeros(3)) + b"more",
        b"",
        b"\x80\x04.",
    ],
    ids=["huge", "cut short", "too long", "empty", "pickle"],
)
def test_file_is_refused_when_an_array_is_not_what_its_header_says(array):
    content = dumped(TREE)
    name, _ = _array_of(content, "values")
    with pytest.raises(MalformedError):
        read_skops(rewritten(content, lambda _: None, {name: array}))


def test_file_is_refused_when_an_array_has_a_pickle_in_it():
    content = dumped(TREE)
    name, _ = _array_of(content, "values")
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(MalformedError):
        read_skops(rewritten(content, lambda _: None, {name: pickled.getvalue()}))


def test_file_is_refused_when_it_was_made_with_another_scikit_learn():
    def change(schema):
        schema["content"]["content"]["_sklearn_version"]["content"] = '"1.0.0"'

    with pytest.raises(UnsupportedMediaError, match=r"scikit-learn 1\.0\.0"):
        read_skops(rewritten(dumped(TREE), change))


def test_file_is_refused_when_a_function_hides_in_a_transformer():
    model = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), [0, 1])], remainder="passthrough"), TREE
    ).fit(ROWS, KINDS)

    def change(schema):
        (node,) = [
            n for n in nodes(schema, "ObjectNode") if n["__class__"] == "FunctionTransformer"
        ]
        node["content"]["content"]["func"] = {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "TypeNode",
        }

    assert read_skops(dumped(model)).classifies
    with pytest.raises(RejectedError, match="function"):
        read_skops(rewritten(dumped(model), change))


def test_file_is_refused_when_an_id_puts_another_array_in_the_place_of_a_tree():
    content = dumped(TREE)
    _, array = _array_of(content, "nodes")
    evil = array.copy()
    evil["left_child"][0] = evil["right_child"][0] = 10**7
    spare = _array_of(content, "values")[0]

    def change(schema):
        state = nodes(schema, "TreeNode")[0]["content"]["content"]
        top = schema["content"]["content"]
        top["splitter"] = {**state["nodes"], "file": spare}

    with pytest.raises(MalformedError, match="tree"):
        read_skops(rewritten(content, change, {spare: _npy(evil)}))


def test_tree_is_refused_when_it_was_built_of_what_nobody_looked_at():
    built = DecisionTreeClassifier(max_depth=3).fit(ROWS, KINDS)
    state = built.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"]["left_child"][0] = 10**7
    built.tree_.__setstate__(state)

    with pytest.raises(MalformedError, match="tree"):
        check_native(built)


def _boosted():
    return GradientBoostingClassifier(n_estimators=2, random_state=0)


def test_boosted_trees_answer_as_before_when_they_begin_as_usual():
    model = _boosted().fit(ROWS, KINDS)

    found = joblib.load(io.BytesIO(read_skops(dumped(model)).content))

    assert found.predict(ROWS).tolist() == model.predict(ROWS).tolist()


def test_boosted_trees_are_refused_when_they_would_add_to_numbers_that_are_not_there():
    model = _boosted().fit(ROWS, KINDS)
    model.init_ = DummyClassifier(strategy="prior").fit(ROWS, KINDS == "a")

    with pytest.raises(RejectedError):
        read_skops(dumped(model))


def test_boosted_trees_are_refused_when_another_model_begins():
    model = _boosted().set_params(init=LogisticRegression()).fit(ROWS, KINDS)

    with pytest.raises(UnsupportedMediaError, match="init"):
        read_skops(dumped(model))


def _short(model):
    model._y = model._y[:-1]


def _beyond(model):
    model._y = model._y + 10**6


def _wide(model):
    model._fit_X = np.zeros((40, 9), np.float32)


def _more(model):
    model.n_neighbors = model.n_samples_fit_ = 10**6


def _weighed(model):
    model.effective_metric_params_ = {"w": np.zeros(1)}


@pytest.mark.parametrize("spoil", [_short, _beyond, _wide, _more, _weighed])
def test_neighbours_are_refused_when_their_parts_do_not_fit_each_other(spoil):
    model = KNeighborsClassifier(algorithm="brute", metric="manhattan").fit(ROWS, KINDS)
    assert read_skops(dumped(model)).classifies
    spoil(model)

    with pytest.raises(RejectedError):
        read_skops(dumped(model))
