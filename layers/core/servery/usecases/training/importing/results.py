"""What an import leaves for the steps behind it: exactly what a training would have left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.features import features, record
from servery.domain.manifest import Parity
from servery.domain.scores import classification_scores, regression_scores
from servery.domain.signature import Task
from servery.errors import InvalidInputError
from servery.usecases.training import keys
from servery.usecases.training.case import Loaded, measure
from servery.usecases.training.evaluate import failed_gates
from servery.usecases.training.importing.messages import Imported
from servery.usecases.training.importing.specs import check_known
from servery.usecases.training.messages import Evaluated, Exported, Preprocessed, Trained
from servery.usecases.training.proof import (
    Answers,
    ask,
    check_finite,
    choose_sample,
    compare,
    make_sample,
    scale_of,
)
from servery.usecases.training.reports import EvaluationReport, ExportReport, TrainReport
from servery.usecases.training.statistics import baseline, describe_predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.columns import Columns
    from servery.domain.signature import Signature
    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime, ObjectStore
    from servery.usecases.training.importing.messages import OpenEvent
    from servery.usecases.training.tools import Tools


@dataclass(frozen=True, slots=True)
class Opened:
    """A model out of a foreign file, and what it is asked with.

    Attributes:
        event: The state of the import.
        spec: Of the model, and `plain` as it is kept.
        signature: What it takes and gives.
        columns: The sample, with the model's answers where it has no target.
        libraries: Versions of what the model depends on.
    """

    event: OpenEvent
    spec: ModelSpec
    plain: dict[str, Any]
    signature: Signature
    columns: Columns
    libraries: dict[str, str]

    def key(self, filename: str) -> str:
        """Of a file that is left beside the import."""
        return keys.training(self.event.training_id, filename)


def keep_training(opened: Opened, content: bytes, store: ObjectStore) -> Trained:
    """Leave what the train step leaves: the model, and what it takes and gives."""
    store.put(opened.key("model.joblib"), content)
    _keep_report(opened, store)
    return Trained(digest=digest_bytes(content))


def keep_export(
    opened: Opened, loaded: Loaded, store: ObjectStore, tools: Tools, *, parity: Parity, why: str
) -> Exported:
    """Leave what the export step leaves, of a model that is served as it is.

    Raises:
        InvalidInputError: the model gives figures that are not finite, or another answer when it
            is asked again, or without the other rows.
    """
    rows = features(opened.spec, opened.columns)
    answers = ask(loaded.model, rows)
    check_finite(opened.spec.task, answers)
    _check_repeats(answers, ask(loaded.model, rows))
    picked = choose_sample(answers)
    chosen = ask(loaded.model, rows.take(np.array(picked, dtype=np.intp)))
    records = [record(opened.spec, opened.columns, row) for row in picked]
    scale = scale_of(rows.target) if opened.spec.task is Task.REGRESSION else 1.0
    place = np.array(picked[:1], dtype=np.intp)
    _check_alone(opened.spec.task, answers, ask(loaded.model, rows.take(place)), place, scale)
    report = ExportReport(
        runtime=loaded.kind,
        runtime_reason=why,
        libraries=opened.libraries,
        figures={loaded.kind.value: measure(tools, loaded, rows)},
        parity=parity,
        sample=make_sample(opened.spec, records, chosen, scale=scale),
    )
    store.put(opened.key(loaded.kind.filename), loaded.content)
    store.put(opened.key("export.json"), msgspec.json.encode(report))
    _keep_report(opened, store)
    return Exported(
        runtime=loaded.kind,
        runtime_reason=why,
        digest=loaded.digest,
        size_bytes=len(loaded.content),
    )


def keep_results(
    opened: Opened, model: ModelRuntime, exported: Exported, trained: Trained, store: ObjectStore
) -> Imported:
    """Leave what evaluation and preprocessing leave, and put all results together.

    The figures are those of the sample where it has the target; without one there are none. The
    baseline is the sample, since the training rows are not known here.
    """
    spec, inspected = opened.spec, opened.event.inspected
    rows = features(spec, opened.columns)
    answers = ask(model, rows)
    metrics: dict[str, float] = {}
    if inspected.labelled and spec.task is Task.REGRESSION:
        metrics = regression_scores(rows.target, answers.first)
    elif inspected.labelled:
        classes = opened.signature.output.classes or []
        check_known(classes, rows.target.tolist())
        metrics = classification_scores(classes, rows.target, answers.first, answers.scores)
    predictions = describe_predictions(spec.task, answers.first)
    report = EvaluationReport(metrics=metrics, predictions=predictions)
    store.put(opened.key("evaluation.json"), msgspec.json.encode(report))
    described = msgspec.json.encode(baseline(spec, opened.columns))
    digest = digest_bytes(described)
    dataset = inspected.collect.dataset
    store.put(keys.split(dataset, inspected.split, f"baseline-{digest}.json"), described)
    reasons = []
    if inspected.labelled:
        left = msgspec.json.decode(store.get(opened.key("export.json")), type=ExportReport)
        reasons = failed_gates(spec, metrics, left)
    return Imported(
        spec=opened.plain,
        collect=inspected.collect,
        preprocess=Preprocessed(
            split=inspected.split, train_rows=0, test_rows=inspected.rows, baseline=digest
        ),
        train=trained,
        export=exported,
        evaluate=Evaluated(passed=not reasons, reasons=reasons, metrics=metrics),
    )


def _keep_report(opened: Opened, store: ObjectStore) -> None:
    report = TrainReport(signature=opened.signature, libraries=opened.libraries)
    store.put(opened.key("train.json"), msgspec.json.encode(report))


def _check_repeats(first: Answers, again: Answers) -> None:
    pairs = [(first.first, again.first), (first.scores, again.scores)]
    if any(not np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs):
        raise InvalidInputError("the model answers the same rows otherwise when asked again")


def _check_alone(
    task: Task, together: Answers, alone: Answers, place: NDArray[np.intp], scale: float
) -> None:
    scores = None if together.scores is None else together.scores[place]
    if not compare(task, Answers(together.first[place], scores), alone, scale=scale).exported:
        raise InvalidInputError(
            "the model answers a row otherwise when no others are with it; was it exported as in "
            "training?"
        )
