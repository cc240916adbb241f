"""Run a trial: cross-validate one candidate on the training rows, and keep what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.chosen_spec import chosen_spec
from servery.domain.features import features
from servery.domain.folds import folds, part
from servery.domain.lambda_price import Processor, invocation_usd
from servery.domain.scores import classification_scores, regression_scores
from servery.domain.search_records import Trial, TrialState
from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidInputError, RejectedError
from servery.usecases.search import keys
from servery.usecases.search.messages import TrialEvent, TrialOver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.columns import DataSets
    from servery.domain.features import Features
    from servery.domain.search_records import Proposal, SearchRecord
    from servery.domain.search_spec import Search
    from servery.domain.spec import ModelSpec
    from servery.ports import Clock, FoldFitter, Judged, ObjectStore, SearchStore

_MOST_WARNINGS = 5
_LONGEST_REASON = 1000
_ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Machine:
    """On what a trial runs, for its cost.

    Attributes:
        memory_mb: Memory of the function, in MiB.
        processor: Its processor.
    """

    memory_mb: int
    processor: Processor


@dataclass(frozen=True, slots=True)
class TrialPorts:
    """What a trial works with.

    Attributes:
        store: Where searches and trials are kept.
        objects: Where the spec is.
        datasets: Where the rows are.
        fitter: Fits and asks.
        machine: What it runs on.
        clock: The time.
        now: Seconds of a clock that only goes forward.
    """

    store: SearchStore
    objects: ObjectStore
    datasets: DataSets
    fitter: FoldFitter
    machine: Machine
    clock: Clock
    now: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Scored:
    scores: list[float]
    warnings: list[str]


def run_trial(event: TrialEvent, ports: TrialPorts) -> TrialOver:
    """Score a candidate on each fold and keep the record of it.

    What the candidate is at fault for, it fails for: that is a result. Neither the test rows nor
    what other trials came to is looked at. A trial that was to begin after the end of its search
    is skipped.

    Raises:
        ArtifactError: the spec or the training rows are not there.
    """
    record = ports.store.search(event.model, event.search)
    spec = read_spec(msgspec.json.decode(ports.objects.get(keys.spec(event.search))))
    if spec.search is None:
        raise InvalidInputError("the spec has no section `search`")
    started, begun = ports.clock.now(), ports.now()
    over = _over(record, spec.search, started)
    if over:
        return _keep(event, ports, state=TrialState.SKIPPED, reason=over)
    outcome: dict[str, Any]
    try:
        scored = _cross_validate(event, spec, spec.search, ports)
        outcome = _done(scored)
    except RejectedError as error:
        outcome = {"state": TrialState.FAILED, "reason": str(error)[:_LONGEST_REASON]}
    seconds = ports.now() - begun
    machine = ports.machine
    return _keep(
        event,
        ports,
        seconds=round(seconds, 3),
        memory_mb=machine.memory_mb,
        cost_usd=invocation_usd(seconds, machine.memory_mb, machine.processor),
        started=started.isoformat(timespec="milliseconds"),
        **outcome,
    )


def _over(record: SearchRecord, search: Search, now: datetime) -> str:
    if record.stop_asked:
        return "the search was stopped"
    if search.stop.seconds is not None and record.seconds(now) >= search.stop.seconds:
        return "the time of the search was over"
    return ""


def _keep(event: TrialEvent, ports: TrialPorts, **outcome: Any) -> TrialOver:  # noqa: ANN401
    fields = {name: getattr(event.trial, name) for name in event.trial.__struct_fields__}
    trial = Trial(**fields, **outcome)
    ports.store.add_trial(event.search, trial)
    return TrialOver(number=trial.number, state=trial.state.value)


def _done(scored: _Scored) -> dict[str, Any]:
    if not all(map(math.isfinite, scored.scores)):
        return {"state": TrialState.FAILED, "reason": "a score is no finite number"}
    return {
        "state": TrialState.DONE,
        "scores": scored.scores,
        "mean": float(np.mean(scored.scores)),
        "std": float(np.std(scored.scores)),
        "warnings": scored.warnings,
    }


def _cross_validate(
    event: TrialEvent, spec: ModelSpec, search: Search, ports: TrialPorts
) -> _Scored:
    candidate = _spec_of(spec, event.trial)
    rows = features(spec, ports.datasets.read(keys.train_rows(event.dataset, event.split)))
    assigned = folds(spec.task, rows.target, search.folds, search.seed)
    scores: list[float] = []
    warnings: dict[str, None] = {}
    for fold in range(search.folds):
        fitted = np.flatnonzero(assigned != fold)
        if event.trial.resource is not None and search.halving.resource == _ROWS:
            fitted = part(spec.task, rows.target, fitted, event.trial.resource, search.seed)
        held_out = rows.take(np.flatnonzero(assigned == fold))
        judged = ports.fitter(candidate, rows.take(fitted), held_out)
        scores.append(_score(spec, np.unique(rows.target), held_out, judged))
        warnings.update(dict.fromkeys(judged.warnings))
    return _Scored(scores, [text[:200] for text in list(warnings)[:_MOST_WARNINGS]])


def _spec_of(spec: ModelSpec, trial: Proposal) -> ModelSpec:
    return chosen_spec(spec, trial.class_path, trial.params, trial.preprocessing)


def _score(spec: ModelSpec, classes: NDArray[Any], held_out: Features, judged: Judged) -> float:
    if spec.task is Task.REGRESSION:
        found = regression_scores(held_out.target, judged.predicted)
    else:
        found = classification_scores(
            classes.tolist(), held_out.target, judged.predicted, _widened(classes, judged)
        )
    if spec.metric not in found:
        raise InvalidInputError(
            f"{spec.metric} cannot be computed on each fold; of this candidate there are "
            f"{', '.join(found)}"
        )
    return found[spec.metric]


def _widened(classes: NDArray[Any], judged: Judged) -> NDArray[Any] | None:
    """Probabilities of all classes, of those too that none of the fitted rows had."""
    if judged.probabilities is None or judged.classes is None:
        return None
    places = {value: place for place, value in enumerate(classes.tolist())}
    wide = np.zeros((len(judged.probabilities), len(places)))
    wide[:, [places[value] for value in judged.classes]] = judged.probabilities
    return wide
