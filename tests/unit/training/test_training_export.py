"""Export: the proof, the figures and the choice of the runtime."""

from __future__ import annotations

import io
import pickle
import re
from dataclasses import dataclass

import joblib
import msgspec
import numpy as np
import onnxruntime
import pytest
import skl2onnx
from fakes.guests import guest_spec, guests
from fakes.training import Training, as_csv, constant, flower_spec, flowers
from servery.adapters.hist_gradient_boosting import CONVERTERS
from servery.adapters.stopwatch import measure
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Latency, Runtime
from servery.domain.signature import Task
from servery.errors import ArtifactError, InvalidInputError, RejectedError
from servery.usecases.training.proof import Answers, choose_sample, compare
from servery.usecases.training.reports import ExportReport, TrainReport
from servery.wiring import training as wiring
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def _report(training):
    return msgspec.convert(training.file("export.json"), ExportReport)


CLASSIFIERS = [
    "linear_model.LogisticRegression",
    "ensemble.RandomForestClassifier",
    "ensemble.HistGradientBoostingClassifier",
    "neighbors.KNeighborsClassifier",
]
REGRESSORS = [
    "linear_model.Ridge",
    "ensemble.RandomForestRegressor",
    "ensemble.HistGradientBoostingRegressor",
    "svm.SVR",
]


@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize("target", ["string", "int", "bool"])
def test_graph_answers_alike_when_every_dtype_is_among_the_features(estimator, target):
    training = Training(guest_spec(target, estimator), guests(target)).run("export")

    parity = _report(training).parity
    assert parity.exported, parity.reason
    assert parity.rows == training.state["preprocess"]["test_rows"]
    assert parity.label_mismatches == 0
    assert parity.max_abs_difference <= parity.tolerance == 1e-4
    kinds = {"string": str, "int": int, "bool": bool}
    assert {type(c) for c in _report(training).sample.classes} == {kinds[target]}


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_graph_answers_alike_when_values_are_predicted(estimator):
    training = Training(guest_spec("float", estimator), guests("float")).run("export")

    parity = _report(training).parity
    assert parity.exported, parity.reason
    assert parity.max_abs_difference <= parity.tolerance


def test_graph_answers_alike_when_all_features_are_text():
    spec = flower_spec()
    for column in spec["data"]["columns"][:2]:
        column["role"] = "ignored"

    assert _report(Training(spec, as_csv(flowers(80))).run("export")).parity.exported


def _slow(*, joblib_ms, onnx_ms):
    """A stopwatch with one figure for each runtime, by the runtime's own loader."""
    figures = {}

    def load(runtime, content, *, digest, signature):
        model = wiring.runtime_loader(runtime, content, digest=digest, signature=signature)
        figures[id(model)] = onnx_ms if runtime is Runtime.ONNX else joblib_ms
        return model

    def look(call):
        model = call.__closure__
        loaded = next(c.cell_contents for c in model if hasattr(c.cell_contents, "model"))
        return Latency(p50_ms=figures[id(loaded.model)], p99_ms=9.0)

    return {"load": load, "measure": look}


@pytest.mark.parametrize(
    ("joblib_ms", "onnx_ms", "chosen"), [(2.0, 0.5, Runtime.ONNX), (0.5, 2.0, Runtime.JOBLIB)]
)
def test_the_faster_runtime_is_chosen_when_both_are_proven(joblib_ms, onnx_ms, chosen):
    tools = _slow(joblib_ms=joblib_ms, onnx_ms=onnx_ms)

    training = Training(flower_spec(), as_csv(flowers(60)), **tools).run("export")

    report, result = _report(training), training.state["export"]
    assert result["runtime"] == report.runtime == chosen
    assert report.runtime_reason.endswith(f"onnx {onnx_ms:g} ms, joblib {joblib_ms:g} ms")
    assert report.figures["joblib"].one_row.p50_ms == joblib_ms
    assert report.figures["onnx"].thousand_rows.p50_ms == onnx_ms
    content = training.store.get(f"trainings/flower-1/{chosen.filename}")
    assert result["digest"] == digest_bytes(content)
    assert result["size_bytes"] == len(content) == report.figures[chosen].size_bytes


def test_both_runtimes_are_asked_for_one_and_for_a_thousand_rows_when_measured():
    asked = []

    @dataclass
    class Watched:
        kind: Runtime
        model: object

        def predict(self, numeric, text):
            asked.append((self.kind, len(numeric), len(text)))
            return self.model.predict(numeric, text)

    def load(runtime, content, *, digest, signature):
        model = wiring.runtime_loader(runtime, content, digest=digest, signature=signature)
        return Watched(runtime, model)

    Training(flower_spec(), as_csv(flowers(60)), load=load).run("export")

    for runtime in Runtime:
        assert {(runtime, 1, 1), (runtime, 1000, 1000)} <= set(asked)


def test_calls_are_counted_when_the_stopwatch_measures():
    calls = []

    found = measure(lambda: calls.append(1))

    assert 10 <= len(calls) <= 310
    assert 0 <= found.p50_ms <= found.p99_ms


def test_libraries_of_training_and_export_are_named_when_exported():
    training = Training(flower_spec(), as_csv(flowers(60))).run("export")

    assert _report(training).libraries.keys() == {
        "python",
        "numpy",
        "scipy",
        "scikit-learn",
        "joblib",
        "onnx",
        "onnxruntime",
        "skl2onnx",
    }


def _unexportable(content, *, digest, signature):
    raise RejectedError("there is no converter")


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        (_unexportable, "it cannot be exported .there is no converter"),
        (lambda content, *, digest, signature: (b"no graph",), "the graph does not load"),
    ],
)
def test_joblib_serves_and_says_why_when_there_is_no_graph(export, sentence):
    training = Training(flower_spec(), as_csv(flowers(60)), export=export).run("export")

    report = _report(training)
    assert report.runtime is Runtime.JOBLIB
    assert report.figures.keys() == {"joblib"}
    assert not report.parity.exported
    assert report.runtime_reason.startswith("served by joblib: ")
    for text in (report.runtime_reason, report.parity.reason):
        assert re.search(sentence, text)
    assert not training.store.exists("trainings/flower-1/model.onnx")


def test_joblib_serves_when_a_graph_answers_otherwise():
    """The graph is that of another tree, which holds other rows for tall."""
    turned = [{**row, "kind": "tall" if row["kind"] == "low" else "low"} for row in flowers(60)]
    other = Training(flower_spec(), as_csv(turned)).run("export")
    graph = other.store.get("trainings/flower-1/model.onnx")

    def export(content, *, digest, signature):
        return (graph,)

    spec = flower_spec()
    rows = [row | {"kind": "low" if row["kind"] == "small" else row["kind"]} for row in flowers(60)]
    training = Training(spec, as_csv(rows), export=export).run("export")

    report = _report(training)
    assert report.runtime is Runtime.JOBLIB
    assert report.parity.label_mismatches > 0
    assert "gives another class on" in report.runtime_reason


def test_the_next_graph_is_proven_when_the_first_one_fails():
    exporter = wiring.export_tools().export

    def export(content, *, digest, signature):
        return b"no graph", *exporter(content, digest=digest, signature=signature)

    training = Training(flower_spec(), as_csv(flowers(60)), export=export).run("export")

    assert _report(training).parity.exported
    assert training.store.exists("trainings/flower-1/model.onnx")


REAL = [
    ("classification", "dummy.DummyClassifier", {}, "MissingShapeCalculator"),
    ("classification", "discriminant_analysis.LinearDiscriminantAnalysis", {}, "in a probability"),
    ("regression", "ensemble.HistGradientBoostingRegressor", {"loss": "poisson"}, "log link"),
]


@pytest.mark.parametrize(("task", "estimator", "params", "sentence"), REAL)
def test_joblib_serves_when_the_converter_cannot_do_it(task, estimator, params, sentence):
    target = "float" if task == "regression" else "bool"
    spec = guest_spec(target, estimator, params=params)
    content = guests(target)
    if task == "regression":
        content = content.replace(b"-", b"")  # a Poisson loss takes no negative target

    report = _report(Training(spec, content).run("export"))

    assert report.runtime is Runtime.JOBLIB
    assert sentence in report.runtime_reason


@pytest.mark.parametrize(
    ("found", "passes", "reason"),
    [
        ([0.5, 0.5], True, ""),
        ([0.50005, 0.49995], True, ""),
        ([0.502, 0.498], False, "0.002 in a probability on 1 held-out rows, more than 0.0001"),
        ([float("nan"), 0.5], False, "in a probability"),
        ([0.5, 0.3, 0.2], False, "in a probability"),
    ],
)
def test_proof_is_about_the_probabilities_when_labels_agree(found, passes, reason):
    label = np.array(["a"])

    parity = compare(
        Task.CLASSIFICATION,
        Answers(label, np.array([[0.5, 0.5]])),
        Answers(label, np.array([found])),
        scale=1.0,
    )

    assert parity.exported is passes
    assert reason in parity.reason


def test_proof_fails_when_one_label_of_many_differs():
    same, other = np.array(["a"] * 99 + ["b"]), np.array(["a"] * 100)

    parity = compare(Task.CLASSIFICATION, Answers(same, None), Answers(other, None), scale=1.0)

    assert not parity.exported
    assert parity.reason == "the graph gives another class on 1 of 100 held-out rows"


@pytest.mark.parametrize(("error", "passes"), [(0.009, True), (0.011, False)])
def test_a_difference_is_measured_by_the_spread_when_values_are_compared(error, passes):
    expected = np.array([100.0, 300.0])

    parity = compare(
        Task.REGRESSION, Answers(expected, None), Answers(expected + error, None), scale=100.0
    )

    assert parity.exported is passes
    assert parity.max_abs_difference == pytest.approx(error / 100)


def test_every_class_is_in_the_sample_when_its_answer_is_clear():
    scores = np.array([[0.501, 0.499, 0], [0.9, 0.1, 0], [0, 0.995, 0.005], [0.8, 0.2, 0]] * 5)
    labels = np.array(["a", "a", "b", "a"] * 5)

    picked = choose_sample(Answers(labels, scores))

    assert picked[:2] == [1, 2]
    assert len(picked) == 8
    assert not {row % 4 for row in picked} & {0}


def test_sample_is_what_the_chosen_runtime_answers_when_asked_again():
    training = Training(flower_spec(), as_csv(flowers(60))).run("export")

    sample = _report(training).sample
    assert sample.records[0].keys() == {"length", "width", "colour"}
    assert len(sample.records) == len(sample.classes) == len(sample.scores) <= 8
    signature = msgspec.convert(training.file("train.json"), TrainReport).signature
    exported = training.state["export"]
    model = wiring.runtime_loader(
        Runtime(exported["runtime"]),
        training.store.get("trainings/flower-1/model.onnx"),
        digest=exported["digest"],
        signature=signature,
    )
    numeric = np.array([[r["length"], r["width"]] for r in sample.records], dtype=np.float32)
    text = np.array([[r["colour"]] for r in sample.records], dtype=object)
    classes, scores = model.predict(numeric, text)
    assert classes.tolist() == sample.classes
    assert np.abs(scores - np.array(sample.scores)).max() <= sample.tolerance


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_nothing_is_unpickled_when_the_file_is_not_the_recorded_one():
    training = Training(flower_spec(), as_csv(flowers(60))).run("train")
    training.store.put("trainings/flower-1/model.joblib", pickle.dumps(_Bomb()))

    with pytest.raises(ArtifactError, match="digest"):
        training.step("export")
    with pytest.raises(ArtifactError, match="digest"):
        wiring.export_tools().export(pickle.dumps(_Bomb()), digest="0" * 64, signature=None)


def test_model_is_refused_when_it_has_diverged():
    @dataclass
    class Diverged:
        def predict(self, numeric, text):
            return np.full(len(numeric), np.nan), None

    spec = guest_spec("float", "linear_model.Ridge")
    load = lambda *a, **k: Diverged()  # noqa: E731

    with pytest.raises(InvalidInputError, match="diverged"):
        Training(spec, guests("float"), load=load).run("export")


def _boosted(model, features, target):
    model.fit(features, target)
    graph = skl2onnx.convert_sklearn(
        model,
        initial_types=[("numeric", FloatTensorType([None, features.shape[1]]))],
        custom_conversion_functions=CONVERTERS,
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, {"numeric": features})[0].reshape(-1)


def test_boosting_is_exact_when_values_are_neighbours_of_32_bits():
    """Thresholds between such neighbours need 64 bits; rounded up, rows would change sides."""
    start = np.float32(1.0)
    steps = [start]
    for _ in range(63):
        steps.append(np.nextafter(steps[-1], np.float32(2)))
    features = np.repeat(np.array(steps, dtype=np.float32), 8).reshape(-1, 1)
    target = (np.arange(len(features)) // 8 % 2).astype(float) * 100
    model = HistGradientBoostingRegressor(min_samples_leaf=1, max_iter=20, max_leaf_nodes=64)

    found = _boosted(model, features, target)

    assert np.abs(found - model.predict(features)).max() < 1e-3


def test_boosting_is_exact_when_values_are_missing():
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 3)).astype(np.float32)
    target = np.where(features[:, 0] > 0, "a", "b")
    features[random.random(features.shape) < 0.2] = np.nan
    model = HistGradientBoostingClassifier(max_iter=20)

    assert (_boosted(model, features, target) == model.predict(features)).all()


def test_boosting_is_not_exported_when_it_splits_by_category():
    features = np.repeat(np.arange(8, dtype=np.float32), 40).reshape(-1, 1)
    target = (np.arange(320) // 40 % 2).astype(float)
    model = HistGradientBoostingRegressor(categorical_features=[0], max_iter=5)

    with pytest.raises(NotImplementedError, match="splits by category"):
        _boosted(model, features, target)


def test_report_holds_what_was_measured_when_exported():
    def twice(call):
        call()
        return Latency(p50_ms=3.0, p99_ms=4.0)

    clock = iter(range(100))
    training = Training(
        flower_spec(), as_csv(flowers(60)), measure=twice, now=lambda: float(next(clock))
    ).run("export")

    figures = _report(training).figures
    assert figures["onnx"].one_row == Latency(p50_ms=3.0, p99_ms=4.0)
    assert figures["joblib"].load_ms == 1000.0
    assert figures["joblib"].size_bytes == len(
        training.store.get("trainings/flower-1/model.joblib")
    )


def test_pipeline_can_be_loaded_when_it_comes_from_the_store():
    training = Training(flower_spec(), as_csv(flowers(60)), measure=constant).run("export")

    content = training.store.get("trainings/flower-1/model.joblib")
    assert joblib.load(io.BytesIO(content)).named_steps.keys() == {"preprocessing", "estimator"}
