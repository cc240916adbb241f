"""Pairs: a pipeline cut at its features, proven, judged, and registered as two models."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import onnx
import pytest
from fakes.guests import guest_spec, guests
from fakes.training import Training, as_csv, example, flower_spec, flowers
from servery.adapters.forest_blocks import divide
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.baseline import Baseline
from servery.domain.digest import digest_bytes
from servery.domain.features import features, record
from servery.domain.inference import AnswerContext
from servery.domain.manifest import Manifest, Part, Runtime, pair_id, read_manifest
from servery.domain.signature import Dtype, Task
from servery.domain.spec_rules import read_spec
from servery.domain.versioning import Version
from servery.edge.inference import Codec
from servery.errors import ConflictError, RejectedError, UnavailableError
from servery.wiring import training as wiring

HALVES = {"preprocessor": "flower-features"}
ORDINAL = "sklearn.preprocessing.OrdinalEncoder"
TOLERANT = {"handle_unknown": "use_encoded_value", "unknown_value": -1}


def _paired(spec, preprocessor="flower-features"):
    return {**spec, "pair": {"preprocessor": preprocessor}}


def _trained(spec, data, **more):
    return Training(spec, data, **more).run()


def _flowers(**changes):
    return _trained(_paired(flower_spec(**changes)), as_csv(flowers(60)))


def _refs(training):
    """The newest preprocessor and predictor in the registry."""
    spec = training.state["spec"]
    names = [spec["pair"]["preprocessor"], spec["name"]]
    done = training.state["register"]
    versions = [done["preprocessor"]["version"], done["version"]]
    return [
        training.registry.trainings(name, version)[-1].ref
        for name, version in zip(names, versions, strict=True)
    ]


def _manifest(training, ref):
    return read_manifest(training.store.get(f"{ref.prefix}/manifest.json"), ref)


def _model(training, ref):
    content = training.store.get(f"{ref.prefix}/{ref.runtime.filename}")
    signature = _manifest(training, ref).signature
    return wiring.runtime_loader(ref.runtime, content, digest=ref.digest, signature=signature)


def _bits(array):
    """Answers of any type, such that equal ones are equal bit for bit."""
    if np.issubdtype(array.dtype, np.floating):
        return array.dtype, array.shape, array.tobytes()
    return array.dtype, array.shape, array.tolist()


def _same(one, other):
    return [None if a is None else _bits(a) for a in one] == [
        None if a is None else _bits(a) for a in other
    ]


def _guests(estimator, target="string", **more):
    return guest_spec(target, estimator, **more), guests(target)


def _in_blocks(content, *, digest, signature):
    """The forest as a far larger one would be exported."""
    graph = wiring.export_tools().export(content, digest=digest, signature=signature)[0]
    divided = divide(onnx.load_from_string(graph), block_nodes=300)
    return (divided.SerializeToString(),)


def _scaled(estimator, **params):
    """Scaler and PCA ahead of an estimator that is sensitive to the last bit."""
    spec, data = example("breast-cancer-pair")
    estimator = {"class": f"sklearn.{estimator}", "params": params}
    return {**spec, "metric": "accuracy", "gates": {}, "estimator": estimator}, data


def _ordinal():
    """Features that the graph has as whole numbers."""
    step = {"class": ORDINAL, "params": TOLERANT}
    spec = flower_spec(preprocessing=[{"columns": ["colour"], "steps": [step]}])
    spec["data"]["columns"][0]["role"] = spec["data"]["columns"][1]["role"] = "ignored"
    return spec, as_csv(flowers(60))


PIPELINES = {
    "scaler, PCA, logistic": lambda: example("breast-cancer-pair"),
    "scaler, PCA, neural network": lambda: _scaled(
        "neural_network.MLPClassifier", hidden_layer_sizes=[16], max_iter=80
    ),
    "scaler, PCA, neighbours": lambda: _scaled("neighbors.KNeighborsClassifier"),
    "scaler, PCA, support vectors": lambda: _scaled("svm.SVC"),
    "categories and nulls, logistic": lambda: _guests("linear_model.LogisticRegression"),
    "categories and nulls, forest": lambda: _guests("ensemble.RandomForestClassifier"),
    "categories and nulls, boosting": lambda: _guests("ensemble.HistGradientBoostingClassifier"),
    "categories and nulls, regression": lambda: _guests("linear_model.Ridge", "float"),
    "categories and nulls, boosted regression": lambda: _guests(
        "ensemble.HistGradientBoostingRegressor", "float"
    ),
    "categories and nulls, forest in blocks": lambda: _guests("ensemble.RandomForestClassifier"),
    "hist gradient boosting": lambda: example("breast-cancer"),
    "ordinal codes alone": _ordinal,
}


@pytest.mark.parametrize("name", PIPELINES)
def test_two_halves_answer_bit_for_bit_as_one_artifact_when_asked_for_every_row(name):
    spec, data = PIPELINES[name]()
    spec = {k: v for k, v in spec.items() if k != "pair"}
    tools = {"export": _in_blocks} if name.endswith("blocks") else {}
    single = _trained(spec, data, **tools)
    paired = _trained(_paired(spec), data, **tools)
    (whole,) = single.registry.trainings(spec["name"], single.state["register"]["version"])
    assert whole.ref.runtime is Runtime.ONNX
    one = _model(single, whole.ref)
    preprocessor, predictor = (_model(paired, ref) for ref in _refs(paired))
    dataset = single.state["collect"]["dataset"]
    rows = features(read_spec(spec), single.datasets.read(f"datasets/{dataset}/data.npz"))
    assert len(rows.target) == single.state["collect"]["read"]

    parts = [rows, *(rows.take(np.array([row])) for row in range(20))]
    for part in parts:
        matrix, scores = preprocessor.predict(part.numeric, part.text)
        assert (matrix.dtype, scores) == (np.float32, None)
        # As features travel: numbers in JSON, as short as they are told apart.
        text = json.dumps([[float(str(value)) for value in row] for row in matrix])
        found = predictor.predict(np.array(json.loads(text), dtype=np.float32), None)
        assert _same(one.predict(part.numeric, part.text), found)


@pytest.mark.parametrize("name", ["scaler, PCA, logistic", "categories and nulls, forest"])
def test_servers_answer_in_the_same_words_when_they_load_what_was_registered(name):
    """Requests and answers as bytes, the features of one server as the records of the next."""
    spec, data = PIPELINES[name]()
    spec = {k: v for k, v in spec.items() if k != "pair"}
    single, paired = _trained(spec, data), _trained(_paired(spec), data)
    (whole,) = single.registry.trainings(spec["name"], single.state["register"]["version"])
    preprocessor, predictor = _refs(paired)
    dataset = single.state["collect"]["dataset"]
    columns = single.datasets.read(f"datasets/{dataset}/data.npz")
    count = single.state["collect"]["read"]
    asked = [record(read_spec(spec), columns, row) for row in range(count)]

    prepared = [
        {name: float(value) for name, value in row["features"].items()}
        for row in _answers(paired, preprocessor, asked)
    ]
    found = _answers(paired, predictor, prepared)

    assert found == _answers(single, whole.ref, asked)
    assert len(found) == count


def _answers(training, ref, records):
    class Source:
        def read(self, ref, filename):
            return training.store.get(f"{ref.prefix}/{filename}")

    model = ModelLoader(Source(), load_runtime, Codec).load(ref)
    question = model.codec.decode(msgspec.json.encode({"records": records}))
    context = AnswerContext("m", "v", "r", "champion", pair=ref.pair)
    body = model.codec.encode(question, model.predict(question), context)
    # Decimals to the letter: two floats of 32 bits may be one of 64 bits apart.
    return json.loads(body, parse_float=str)["predictions"]


def test_a_pair_says_who_belongs_together_when_registered():
    training = _flowers()

    preprocessor, predictor = _refs(training)
    pair = pair_id(preprocessor.digest, predictor.digest)
    assert preprocessor.pair == predictor.pair == pair
    assert (preprocessor.part, predictor.part) == (Part.PREPROCESSOR, Part.PREDICTOR)
    assert (preprocessor.model, predictor.model) == ("flower-features", "flower")
    assert training.state["register"]["preprocessor"] == {
        "model": "flower-features",
        "version": preprocessor.version,
        "training": "tr0",
        "pair": pair,
    }
    for ref, partner in ((preprocessor, "flower"), (predictor, "flower-features")):
        found = _manifest(training, ref)
        content = training.store.get(f"{ref.prefix}/model.onnx")
        assert found.pair.own == ref.digest == digest_bytes(content) == found.files["model.onnx"]
        assert (found.pair.id, found.pair.part, found.pair.partner) == (pair, ref.part, partner)
        assert found.figures.keys() == {"onnx"}
        assert found.figures["onnx"].size_bytes == len(content)
        assert "bit for bit on 60 rows" in found.runtime_reason
        assert found.parity.exported
        assert found.metrics == training.state["evaluate"]["metrics"]
        assert found.lineage.spec == training.state["spec"]
    assert training.registry.model("flower-features").task == "preprocessing"


def test_signatures_meet_at_the_features_when_registered():
    training = _flowers()

    prepares, predicts = (_manifest(training, ref).signature for ref in _refs(training))
    names = ["length", "width", "colour_blue", "colour_red"]
    assert (prepares.task, predicts.task) == (Task.PREPROCESSING, Task.CLASSIFICATION)
    assert [f.name for f in prepares.inputs] == ["length", "width", "colour"]
    assert (prepares.output.name, prepares.output.features) == ("features", names)
    assert [f.name for f in predicts.inputs] == names
    for field in predicts.inputs:
        assert (field.dtype, field.unit, field.nullable) == (Dtype.FLOAT, "1", False)
        assert (field.minimum, field.maximum, field.categories) == (None, None, None)
        assert np.float32(field.example) == np.float32(str(field.example))
    assert predicts.output.classes == ["low", "small", "tall"]
    assert predicts.output.features is None


def test_sample_of_both_halves_is_one_question_with_the_features_between_when_registered():
    training = _flowers()

    (prepared, asked) = (_manifest(training, ref).sample for ref in _refs(training))
    assert prepared.records[0].keys() == {"length", "width", "colour"}
    assert prepared.classes == []
    assert [list(record.values()) for record in asked.records] == prepared.scores
    assert set(asked.classes) == {"low", "small", "tall"}
    assert len(asked.scores) == len(prepared.records)


def test_baseline_of_the_predictor_is_about_features_when_registered():
    training = _flowers()

    before, after = (
        msgspec.json.decode(training.store.get(f"{ref.prefix}/baseline.json"), type=Baseline)
        for ref in _refs(training)
    )
    assert (before.numeric.keys(), before.categorical.keys()) == ({"length", "width"}, {"colour"})
    assert before.predictions is None
    assert after.numeric.keys() == {"length", "width", "colour_blue", "colour_red"}
    assert after.numeric["colour_red"].count == training.state["preprocess"]["train_rows"]
    assert after.categorical == {}
    assert after.predictions.count == training.state["preprocess"]["test_rows"]


def test_names_of_features_are_columns_when_categories_are_odd():
    rows = [
        {**row, "colour": {"red": 'r"ed', "blue": "b\\lue"}[row["colour"]]} for row in flowers()
    ]
    spec = _paired(flower_spec())
    del spec["data"]["columns"][2]["categories"]

    training = _trained(spec, as_csv(rows))

    prepares = _manifest(training, _refs(training)[0]).signature
    assert prepares.output.features == ["length", "width", "colour_b_lue", "colour_r_ed"]


def test_preprocessor_is_the_same_bytes_when_trained_again():
    first, second = (_refs(_flowers()) for _ in range(2))

    assert [ref.digest for ref in first] == [ref.digest for ref in second]
    assert first[0].pair == second[0].pair


# What cannot be a pair


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        ("dummy.DummyClassifier", "guest cannot be a pair: it cannot be exported"),
        ("discriminant_analysis.LinearDiscriminantAnalysis", "cannot be a pair: the graph differs"),
    ],
)
def test_pair_is_refused_with_the_reason_when_it_cannot_be_exported_exactly(estimator, sentence):
    spec = _paired(guest_spec("bool", estimator))

    with pytest.raises(RejectedError, match=sentence):
        _trained(spec, guests("bool"))


@pytest.mark.parametrize("gaps", [0.2, 0])
def test_pair_is_refused_when_a_feature_may_be_no_number(gaps):
    """Boosting takes nulls as they are, also where the training rows have none."""
    random = np.random.default_rng(0)
    rows = [
        {**row, "width": "" if random.random() < gaps else row["width"]} for row in flowers(120)
    ]
    spec = _paired(flower_spec())
    spec["data"]["columns"][1]["nullable"] = True
    encode = {
        "class": "sklearn.preprocessing.OneHotEncoder",
        "params": {"handle_unknown": "ignore"},
    }
    spec["preprocessing"] = [
        {"columns": ["length", "width"]},
        {"columns": ["colour"], "steps": [encode]},
    ]
    spec["estimator"] = {"class": "sklearn.ensemble.HistGradientBoostingClassifier"}

    with pytest.raises(RejectedError, match=r"no finite numbers in .* \(width\); impute"):
        _trained(spec, as_csv(rows))


def _one_bit_off(content, *, features):
    """The halves, with one constant of the predictor off by its last bit."""
    preprocessor, predictor = wiring.export_tools().cut(content, features=features)
    graph = onnx.load_from_string(predictor)
    (node,) = (n for n in graph.graph.node if n.op_type == "LinearClassifier")
    (weights,) = (a for a in node.attribute if a.name == "coefficients")
    weights.floats[0] = np.nextafter(np.float32(weights.floats[0]), np.float32(9))
    return preprocessor, graph.SerializeToString()


def test_pair_is_refused_when_its_halves_differ_from_the_whole_by_one_bit():
    spec, data = example("breast-cancer-pair")

    with pytest.raises(RejectedError, match=r"otherwise than the whole in \d+ of \d+ rows"):
        _trained(spec, data, cut=_one_bit_off)


def test_pair_is_refused_when_a_half_does_not_load():
    def cut(content, *, features):
        return wiring.export_tools().cut(content, features=features + 1)

    with pytest.raises(RejectedError, match="cannot be a pair: the graph takes"):
        _trained(_paired(flower_spec()), as_csv(flowers(60)), cut=cut)


def test_a_whole_model_is_registered_as_ever_when_it_is_no_pair():
    training = _trained(flower_spec(), as_csv(flowers(60)))

    manifest = training.manifest()
    assert manifest.pair is None
    assert training.state["register"].keys() == {"version", "training"}
    (known,) = training.registry.trainings("flower", manifest.version)
    assert (known.ref.part, known.ref.pair) == (None, "")
    assert [m.name for m in training.registry.models()] == ["flower"]
    assert training.record().preprocessor is None


# Judged


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        ({"latency_p99_ms": 3.9}, "the p99 of one row is 4 ms, above the limit of 3.9 ms"),
        ({"latency_p99_ms": 4.0}, ""),
        ({"size_mb": 1e-6}, "the model has "),
    ],
)
def test_latency_and_size_are_those_of_both_halves_when_judged(gates, sentence):
    training = Training(_paired(flower_spec(gates=gates)), as_csv(flowers(60))).run("evaluate")

    found = training.state["evaluate"]
    assert found["passed"] is (not sentence)
    assert "".join(found["reasons"]).startswith(sentence)


def test_size_is_the_sum_when_it_is_between_one_half_and_both():
    one = Training(_paired(flower_spec()), as_csv(flowers(60))).run("export")
    size = one.state["export"]["size_bytes"]
    files = [one.store.get(f"trainings/flower-1/{part}.onnx") for part in Part]
    assert size == sum(len(content) for content in files)

    for limit, passed in ((size - 1, False), (size, True)):
        gates = {"size_mb": limit / 10**6}
        spec = _paired(flower_spec(gates=gates))
        training = Training(spec, as_csv(flowers(60))).run("evaluate")
        assert training.state["evaluate"]["passed"] is passed


def test_metrics_are_those_of_the_whole_when_judged():
    whole = Training(flower_spec(), as_csv(flowers(60))).run("evaluate")
    pair = Training(_paired(flower_spec()), as_csv(flowers(60))).run("evaluate")

    assert pair.state["evaluate"]["metrics"] == whole.state["evaluate"]["metrics"]


# Registered


class House:
    """Several trainings that share a store and a registry."""

    def __init__(self):
        self.first = None
        self.count = 0

    def train(self, spec=None, until="register", **more):
        self.count += 1
        shared = {"store": self.first.store, "registry": self.first.registry} if self.first else {}
        training = Training(
            spec or _paired(flower_spec()),
            as_csv(flowers(60)),
            training_id=f"flower-{self.count}",
            **shared,
            **more,
        )
        self.first = self.first or training
        return training.run(until)

    def versions(self, spec=None):
        """Logic and training of the preprocessor, and of the predictor."""
        done = self.train(spec).state["register"]
        halves = (done["preprocessor"], done)
        return [(Version.parse(h["version"]).logic, h["training"]) for h in halves]


@pytest.fixture
def house():
    return House()


def test_halves_have_versions_of_their_own_when_the_logic_changes(house):
    assert house.versions() == [(0, "tr0"), (0, "tr0")]
    assert house.versions() == [(0, "tr1"), (0, "tr1")]
    shallow = {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}
    assert house.versions(_paired(flower_spec(estimator=shallow))) == [(0, "tr2"), (1, "tr0")]
    encode = {
        "class": "sklearn.preprocessing.OneHotEncoder",
        "params": {"handle_unknown": "ignore"},
    }
    groups = [
        {
            "columns": ["length", "width"],
            "steps": [{"class": "sklearn.preprocessing.MinMaxScaler"}],
        },
        {"columns": ["colour"], "steps": [encode]},
    ]
    assert house.versions(_paired(flower_spec(preprocessing=groups))) == [(1, "tr0"), (2, "tr0")]


def test_interface_of_the_predictor_changes_when_a_whole_model_becomes_a_pair(house):
    house.train(flower_spec())

    done = house.train().state["register"]

    assert Version.parse(done["version"]).interface == 2
    assert Version.parse(done["preprocessor"]["version"]).interface == 1


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (
            flower_spec(name="other"),
            _paired(flower_spec(), "other"),
            "other is a model of its own already",
        ),
        (
            _paired(flower_spec(name="other")),
            _paired(flower_spec()),
            "flower-features is the preprocessor of other already",
        ),
        (
            _paired(flower_spec(), "taken"),
            flower_spec(name="taken"),
            "taken is the preprocessor of flower already",
        ),
    ],
)
def test_training_is_refused_when_a_name_is_taken(house, first, second, sentence):
    house.train(first)
    before = dict(house.first.store.objects)
    training = house.train(second, until="evaluate")

    with pytest.raises(ConflictError, match=sentence):
        training.step("register")

    assert not [
        k for k in house.first.store.objects.keys() - before.keys() if k.startswith("models")
    ]
    assert not house.first.registry.leases


@pytest.mark.parametrize("name", ["flower", "flower-features"])
def test_step_is_to_be_tried_again_when_either_half_is_being_registered(house, name):
    training = house.train(until="evaluate")
    training.registry.take_lease(f"register:{name}", "another", seconds=60)

    with pytest.raises(UnavailableError, match=f"another training of {name}"):
        training.step("register")

    assert training.registry.leases.keys() == {f"register:{name}"}
    training.registry.end_lease(f"register:{name}", "another")
    assert training.step("register").preprocessor.training == "tr0"


@pytest.mark.parametrize("crash", range(12))
def test_both_halves_are_there_once_when_the_step_crashed_in_the_middle(house, crash):
    training = house.train(until="evaluate")
    calls = iter(range(100))

    def breaking(method):
        def call(*args):
            if next(calls) == crash:
                raise ConnectionError("the function was killed")
            return method(*args)

        return call

    places = [(training.store, "copy"), (training.store, "put")]
    places += [(training.registry, n) for n in ("add_version", "add_training", "put_model")]
    for place, name in places:
        setattr(place, name, breaking(getattr(place, name)))

    with pytest.raises(ConnectionError):
        training.step("register")
    training.step("register")

    for ref in _refs(training):
        assert len(training.registry.versions(ref.model)) == 1
        assert len(training.registry.trainings(ref.model, ref.version)) == 1
        manifest: Manifest = _manifest(training, ref)
        assert manifest.pair.id == ref.pair
    assert not training.registry.leases


def test_both_halves_have_the_record_of_the_run_when_it_ends(house):
    training = house.train()

    recorded = training.record()

    done = training.state["register"]
    assert recorded.preprocessor.version == done["preprocessor"]["version"]
    for name, version in (("flower", done), ("flower-features", done["preprocessor"])):
        (run,) = training.registry.runs(name)
        assert (run.training_id, run.version) == ("flower-1", version["version"])
        assert run.event["spec"]["name"] == "flower"
