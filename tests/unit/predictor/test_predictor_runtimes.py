"""Both runtimes on small real models."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from fakes.signatures import boxes
from fakes.tiny_models import NUMERIC, TEXT, pipeline, signature, to_graph, to_joblib
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.adapters.runtimes import check_library
from servery.adapters.sklearn_runtime import SklearnRuntime, feature_matrix
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Runtime
from servery.domain.signature import Dtype, Output, Signature
from servery.errors import ArtifactError, IncompatibleRuntimeError, InvalidInputError
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

TARGETS = {
    Dtype.STRING: (np.array(["no", "yes"] * 30), ["no", "yes"]),
    Dtype.INT: (np.arange(60) % 3 + 5, [5, 6, 7]),
    Dtype.BOOL: (np.array([True, False] * 30), [False, True]),
}


def both(target: Any, like: Signature, *, text: bool) -> tuple[OnnxRuntime, SklearnRuntime]:
    fitted = pipeline(target, regression=like.output.classes is None, text=text)
    graph, pickled = to_graph(fitted, text=text), to_joblib(fitted)
    return (
        OnnxRuntime.load(graph, digest=digest_bytes(graph), signature=like),
        SklearnRuntime.load(pickled, digest=digest_bytes(pickled), signature=like),
    )


@pytest.mark.parametrize("dtype", TARGETS)
@pytest.mark.parametrize("text", [False, True])
def test_classes_have_the_type_of_the_signature_when_either_runtime_predicts(
    dtype: Dtype, text: bool
) -> None:
    target, classes = TARGETS[dtype]
    like = signature(Output(name="y", dtype=dtype, classes=classes, probabilities=True), text=text)
    answers = [r.predict(NUMERIC, TEXT if text else None) for r in both(target, like, text=text)]
    for labels, probabilities in answers:
        assert probabilities is not None
        assert probabilities.shape == (60, len(classes))
        assert {type(label) for label in labels.tolist()} == {type(classes[0])}
        assert set(labels.tolist()) <= set(classes)
    assert answers[0][0].tolist() == answers[1][0].tolist()
    np.testing.assert_allclose(answers[0][1], answers[1][1], atol=1e-5)


def test_it_is_the_callers_error_when_the_pipeline_refuses_a_value() -> None:
    strict = ColumnTransformer([("text", OneHotEncoder(), [2])], remainder="passthrough")
    fitted = make_pipeline(strict, LogisticRegression())
    fitted.fit(feature_matrix(NUMERIC, TEXT), TARGETS[Dtype.STRING][0])
    content = to_joblib(fitted)
    output = Output(name="y", dtype=Dtype.STRING, classes=["no", "yes"], probabilities=True)
    like = signature(output, text=True)
    runtime = SklearnRuntime.load(content, digest=digest_bytes(content), signature=like)
    with pytest.raises(InvalidInputError) as refused:
        runtime.predict(NUMERIC, np.full_like(TEXT, "secret word"))
    assert "secret" not in str(refused.value)


def test_it_is_the_callers_error_when_the_graph_refuses_a_value() -> None:
    strict = ColumnTransformer([("text", OneHotEncoder(), [2])], remainder="passthrough")
    fitted = make_pipeline(strict, LogisticRegression())
    fitted.fit(feature_matrix(NUMERIC, TEXT), TARGETS[Dtype.STRING][0])
    content = to_graph(fitted, text=True)
    output = Output(name="y", dtype=Dtype.STRING, classes=["no", "yes"], probabilities=True)
    like = signature(output, text=True)
    runtime = OnnxRuntime.load(content, digest=digest_bytes(content), signature=like)
    with pytest.raises(InvalidInputError) as refused:
        runtime.predict(NUMERIC, np.full_like(TEXT, "secret word"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", [False, True])
def test_values_are_flat_when_either_runtime_regresses(text: bool) -> None:
    like = signature(Output(name="y", dtype=Dtype.FLOAT), text=text)
    runtimes = both(NUMERIC.sum(axis=1), like, text=text)
    for values, probabilities in (r.predict(NUMERIC, TEXT if text else None) for r in runtimes):
        assert probabilities is None
        np.testing.assert_allclose(values, NUMERIC.sum(axis=1), atol=1e-4)


def test_no_probabilities_are_given_when_the_signature_has_none() -> None:
    target, classes = TARGETS[Dtype.STRING]
    like = signature(Output(name="y", dtype=Dtype.STRING, classes=classes), text=False)
    for runtime in both(target, like, text=False):
        assert runtime.predict(NUMERIC, None)[1] is None


def test_the_matrix_has_numbers_first_when_text_stands_beside_them() -> None:
    assert feature_matrix(NUMERIC, TEXT)[0].tolist() == [*NUMERIC[0].tolist(), "a"]
    assert feature_matrix(NUMERIC, None) is NUMERIC
    assert feature_matrix(None, TEXT) is TEXT


class Explosive:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trace,))


def test_nothing_is_unpickled_when_the_digest_is_another(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    content = pickle.dumps(Explosive(trace))
    with pytest.raises(ArtifactError, match="digest"):
        SklearnRuntime.load(content, digest="0" * 64, signature=boxes([Dtype.FLOAT]))
    assert not trace.exists()
    SklearnRuntime.load(content, digest=digest_bytes(content), signature=boxes([Dtype.FLOAT]))
    assert trace.exists()


def test_nothing_is_parsed_when_the_digest_of_a_graph_is_another() -> None:
    with pytest.raises(ArtifactError, match="digest"):
        OnnxRuntime.load(b"no graph", digest="0" * 64, signature=boxes([Dtype.FLOAT]))


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x08"])
def test_load_fails_when_the_bytes_are_no_model(content: bytes) -> None:
    digest = digest_bytes(content)
    with pytest.raises(ArtifactError):
        OnnxRuntime.load(content, digest=digest, signature=boxes([Dtype.FLOAT]))
    with pytest.raises(ArtifactError):
        SklearnRuntime.load(content, digest=digest, signature=boxes([Dtype.FLOAT]))


def test_load_fails_when_another_scikit_learn_made_the_model() -> None:
    content = to_joblib(pipeline(NUMERIC.sum(axis=1), regression=True, text=False))
    here = sklearn.__version__.encode()
    old = content.replace(here, b"0.9.9"[: len(here)].ljust(len(here), b"0"))
    assert old != content
    like = signature(Output(name="y", dtype=Dtype.FLOAT), text=False)
    with pytest.raises(IncompatibleRuntimeError, match="scikit-learn"):
        SklearnRuntime.load(old, digest=digest_bytes(old), signature=like)


def test_load_fails_when_a_module_of_the_model_is_not_here() -> None:
    buffer = io.BytesIO()
    joblib.dump(sklearn.linear_model.LinearRegression(), buffer)
    content = buffer.getvalue().replace(b"sklearn.linear_model", b"sklearn.linear_modem")
    with pytest.raises(IncompatibleRuntimeError, match="not here"):
        SklearnRuntime.load(content, digest=digest_bytes(content), signature=boxes([Dtype.FLOAT]))


def test_load_fails_when_the_graph_takes_other_inputs() -> None:
    fitted = pipeline(NUMERIC.sum(axis=1), regression=True, text=False)
    content = to_graph(fitted, text=False)
    with pytest.raises(IncompatibleRuntimeError, match="columns"):
        OnnxRuntime.load(content, digest=digest_bytes(content), signature=boxes([Dtype.FLOAT] * 3))


def test_patch_versions_pass_when_major_and_minor_are_the_same() -> None:
    check_library(Runtime.ONNX, {"onnxruntime": "1.31.1"}, {"onnxruntime": "1.31.9"})


@pytest.mark.parametrize("made_with", ["1.30.1", "2.31.1"])
def test_the_table_says_what_fits_when_a_library_does_not(made_with: str) -> None:
    with pytest.raises(IncompatibleRuntimeError) as caught:
        check_library(Runtime.ONNX, {"onnxruntime": made_with}, {"onnxruntime": "1.31.1"})
    table = [line.split() for line in str(caught.value).splitlines()[1:]]
    assert table[1] == ["onnxruntime", made_with, "1.31.1", f"{made_with[:-2]}.*"]


def test_a_model_is_refused_when_nobody_recorded_its_library() -> None:
    with pytest.raises(IncompatibleRuntimeError, match="not recorded"):
        check_library(Runtime.JOBLIB, {}, {"scikit-learn": "1.9.1"})
