"""Evaluate: the figures of the runtime that will serve, on held-out rows, against the gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError, Violation
from servery.usecases.training import keys
from servery.usecases.training.features import features
from servery.usecases.training.messages import Evaluated, EvaluateEvent
from servery.usecases.training.proof import ask
from servery.usecases.training.reports import EvaluationReport, ExportReport, TrainReport
from servery.usecases.training.scores import classification_scores, regression_scores
from servery.usecases.training.statistics import describe_predictions

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.domain.spec import ModelSpec
    from servery.ports import ObjectStore
    from servery.usecases.training.export import RuntimeLoader

_MB = 10**6


def evaluate(
    event: EvaluateEvent, *, store: ObjectStore, datasets: DataSets, load: RuntimeLoader
) -> Evaluated:
    """Judge the model by every metric of its task, its latency and its size.

    A gate that fails is a result, not an error: `passed` is false and each reason is a sentence
    with the figure and the bound.

    Raises:
        InvalidSpecError: the metric of the spec cannot be computed for this model.
        ArtifactError: the model file is not the one that was proven.
    """
    spec = read_spec(event.spec)
    trained = msgspec.json.decode(
        store.get(keys.training(event.training_id, "train.json")), type=TrainReport
    )
    exported = msgspec.json.decode(
        store.get(keys.training(event.training_id, "export.json")), type=ExportReport
    )
    runtime = event.export.runtime
    content = store.get(keys.training(event.training_id, runtime.filename))
    model = load(runtime, content, digest=event.export.digest, signature=trained.signature)
    key = keys.split(event.collect.dataset, event.preprocess.split, "test.npz")
    rows = features(spec, datasets.read(key))
    answers = ask(model, rows)
    if spec.task is Task.REGRESSION:
        metrics = regression_scores(rows.target, answers.first)
    else:
        classes = trained.signature.output.classes or []
        metrics = classification_scores(classes, rows.target, answers.first, answers.scores)
    reasons = _reasons(spec, metrics, exported)
    report = EvaluationReport(
        metrics=metrics, predictions=describe_predictions(spec.task, answers.first)
    )
    store.put(keys.training(event.training_id, "evaluation.json"), msgspec.json.encode(report))
    return Evaluated(passed=not reasons, reasons=reasons, metrics=metrics)


def _reasons(spec: ModelSpec, metrics: dict[str, float], exported: ExportReport) -> list[str]:
    if spec.metric not in metrics:
        message = f"{spec.metric} cannot be computed; of this model there are {', '.join(metrics)}"
        raise InvalidSpecError(message, (Violation("metric", message),))
    value, gates = metrics[spec.metric], spec.gates
    figures = exported.figures[exported.runtime.value]
    p99, size = figures.one_row.p99_ms, figures.size_bytes / _MB
    reasons = []
    if gates.minimum is not None and value < gates.minimum:
        reasons.append(f"{spec.metric} is {value:.6g}, below the minimum of {gates.minimum:g}")
    if gates.maximum is not None and value > gates.maximum:
        reasons.append(f"{spec.metric} is {value:.6g}, above the maximum of {gates.maximum:g}")
    if gates.latency_p99_ms is not None and p99 > gates.latency_p99_ms:
        reasons.append(
            f"the p99 of one row is {p99:.6g} ms, above the limit of {gates.latency_p99_ms:g} ms"
        )
    if gates.size_mb is not None and size > gates.size_mb:
        reasons.append(f"the model has {size:.6g} MB, above the limit of {gates.size_mb:g} MB")
    return reasons
