"""Evaluate: metrics of the runtime that serves, and the gates."""

from __future__ import annotations

import re

import msgspec
import pytest
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.errors import ArtifactError, InvalidSpecError
from servery.usecases.training.reports import EvaluationReport


def _evaluated(**changes):
    return Training(flower_spec(**changes), as_csv(flowers(60))).run("evaluate")


def test_every_metric_is_computed_when_the_model_has_probabilities():
    metrics = _evaluated().state["evaluate"]["metrics"]

    assert metrics.keys() == {"accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc"}
    assert metrics["accuracy"] > 0.9


def test_model_passes_when_the_spec_has_no_gates():
    assert _evaluated().state["evaluate"]["passed"] is True
    assert _evaluated().state["evaluate"]["reasons"] == []


@pytest.mark.parametrize(
    ("metric", "gates", "sentence"),
    [
        ("accuracy", {"minimum": 1.01}, r"accuracy is [\d.]+, below the minimum of 1\.01"),
        ("log_loss", {"maximum": -1}, r"log_loss is \S+, above the maximum of -1"),
        ("accuracy", {"latency_p99_ms": 1.5}, r"the p99 of one row is 2 ms, .* limit of 1\.5 ms"),
        ("accuracy", {"size_mb": 1e-4}, r"the model has 0\.0\d+ MB, above the limit of 0\.0001 MB"),
    ],
)
def test_reason_has_figure_and_bound_when_a_gate_fails(metric, gates, sentence):
    result = _evaluated(metric=metric, gates=gates).state["evaluate"]

    assert result["passed"] is False
    (reason,) = result["reasons"]
    assert re.fullmatch(sentence, reason), reason


def test_every_failed_gate_is_told_when_there_are_more():
    gates = {"minimum": 1.01, "latency_p99_ms": 0.1, "size_mb": 1e-6}

    assert len(_evaluated(gates=gates).state["evaluate"]["reasons"]) == 3


def test_model_passes_when_a_figure_is_exactly_the_bound():
    gates = {"latency_p99_ms": 2.0}

    assert _evaluated(gates=gates).state["evaluate"]["passed"]


def test_spec_is_refused_when_its_metric_cannot_be_computed():
    svc = {"class": "sklearn.svm.SVC"}

    with pytest.raises(InvalidSpecError, match="log_loss cannot be computed"):
        _evaluated(metric="log_loss", estimator=svc)


def test_answers_are_described_when_evaluated():
    training = _evaluated()

    report = msgspec.convert(training.file("evaluation.json"), EvaluationReport)
    assert report.metrics == training.state["evaluate"]["metrics"]
    assert report.predictions.count == training.state["preprocess"]["test_rows"]
    assert set(report.predictions.frequencies) <= {"low", "small", "tall"}


def test_model_is_not_judged_when_it_is_not_the_proven_one():
    training = Training(flower_spec(), as_csv(flowers(60))).run("export")
    training.store.put("trainings/flower-1/model.onnx", b"another")

    with pytest.raises(ArtifactError, match="digest"):
        training.step("evaluate")
