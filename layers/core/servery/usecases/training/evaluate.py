"""Evaluate: the figures of the runtime that will serve, on held-out rows, against the gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.features import features
from servery.domain.manifest import Part
from servery.domain.scores import classification_scores, regression_scores
from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError, Violation
from servery.usecases.training import keys
from servery.usecases.training.composition import Composition
from servery.usecases.training.messages import Evaluated, EvaluateEvent
from servery.usecases.training.proof import ask
from servery.usecases.training.reports import EvaluationReport, ExportReport, TrainReport
from servery.usecases.training.statistics import describe_predictions

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.domain.manifest import RuntimeFigures
    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime, ObjectStore
    from servery.usecases.training.tools import RuntimeLoader

_MB = 10**6


def evaluate(
    event: EvaluateEvent, *, store: ObjectStore, datasets: DataSets, load: RuntimeLoader
) -> Evaluated:
    """Judge the model by every metric of its task, its latency and its size.

    A pair is judged as a whole: by what its halves answer together, by the sum of their latencies
    and of their sizes. A gate that fails is a result, not an error: `passed` is false and each
    reason is a sentence with the figure and the bound.

    Raises:
        InvalidSpecError: the metric of the spec cannot be computed for this model.
        ArtifactError: the model file is not the one that was proven.
    """
    spec = read_spec(event.spec)
    trained = msgspec.json.decode(
        store.get(keys.training(event.trained_by, "train.json")), type=TrainReport
    )
    exported = msgspec.json.decode(
        store.get(keys.training(event.exported_by, "export.json")), type=ExportReport
    )
    model = _model(event, store, load, trained, exported)
    key = keys.split(event.collect.dataset, event.preprocess.split, "test.npz")
    rows = features(spec, datasets.read(key))
    answers = ask(model, rows)
    if spec.task is Task.REGRESSION:
        metrics = regression_scores(rows.target, answers.first)
    else:
        classes = trained.signature.output.classes or []
        metrics = classification_scores(classes, rows.target, answers.first, answers.scores)
    reasons = failed_gates(spec, metrics, exported)
    report = EvaluationReport(
        metrics=metrics, predictions=describe_predictions(spec.task, answers.first)
    )
    store.put(keys.training(event.training_id, "evaluation.json"), msgspec.json.encode(report))
    return Evaluated(passed=not reasons, reasons=reasons, metrics=metrics)


def _model(
    event: EvaluateEvent,
    store: ObjectStore,
    load: RuntimeLoader,
    trained: TrainReport,
    exported: ExportReport,
) -> ModelRuntime:
    """What will serve, both halves of it where it is a pair."""
    runtime, digest = event.export.runtime, event.export.digest
    if exported.pair is None:
        content = store.get(keys.training(event.served_from, runtime.filename))
        return load(runtime, content, digest=digest, signature=trained.signature)
    preprocessor, predictor = (
        load(
            runtime,
            store.get(keys.half(event.exported_by, part)),
            digest=recorded,
            signature=half.signature,
        )
        for part, half, recorded in (
            (Part.PREPROCESSOR, exported.pair.preprocessor, event.export.preprocessor),
            (Part.PREDICTOR, exported.pair.predictor, digest),
        )
    )
    return Composition(preprocessor, predictor)


def _figures(exported: ExportReport) -> list[RuntimeFigures]:
    """Of everything that one row passes through."""
    kind = exported.runtime.value
    if exported.pair is None:
        return [exported.figures[kind]]
    return [half.figures[kind] for half in (exported.pair.preprocessor, exported.pair.predictor)]


def failed_gates(spec: ModelSpec, metrics: dict[str, float], exported: ExportReport) -> list[str]:
    """The gates that a model does not pass, as sentences with the figure and the bound.

    Raises:
        InvalidSpecError: the metric of the spec cannot be computed for this model.
    """
    if spec.metric not in metrics:
        message = f"{spec.metric} cannot be computed; of this model there are {', '.join(metrics)}"
        raise InvalidSpecError(message, (Violation("metric", message),))
    value, gates = metrics[spec.metric], spec.gates
    figures = _figures(exported)
    p99 = sum(part.one_row.p99_ms for part in figures)
    size = sum(part.size_bytes for part in figures) / _MB
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
