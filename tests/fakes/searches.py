"""Searches in memory, and the whole machine of a search with fits that cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from fakes.clock import SetClock
from fakes.execution import Execution
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.template import ROOT
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.adapters.npz_datasets import NpzDataSets
from servery.adapters.optuna_sampler import tpe
from servery.domain.features import Features
from servery.domain.lambda_price import Processor
from servery.domain.search_records import SearchRecord, Trial
from servery.domain.spec import ModelSpec
from servery.errors import ConflictError, NotFoundError, RejectedError, RetryableError, ServeryError
from servery.ports import Judged
from servery.usecases.search import messages
from servery.usecases.search.choose import choose
from servery.usecases.search.close import close
from servery.usecases.search.lose_trial import lose_trial
from servery.usecases.search.propose import ProposePorts, propose
from servery.usecases.search.run_trial import Machine, TrialPorts, run_trial
from servery.usecases.search.start import SearchRequest, start
from servery.usecases.training import messages as of_training

TREE = "sklearn.tree.DecisionTreeClassifier"
FOREST = "sklearn.ensemble.RandomForestClassifier"


def search_spec(**search: Any) -> dict[str, Any]:
    """The spec of the flowers, searched over a tree's depth and the size of its leaves."""
    candidates = [
        {
            "class": TREE,
            "params": {"max_depth": {"int": [1, 20]}, "min_samples_leaf": {"int": [1, 10]}},
        }
    ]
    return flower_spec(search={"candidates": candidates, "trials": 12, "at_once": 4, **search})


class MemorySearches:
    """A `SearchStore` in memory; every record goes through JSON."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], bytes] = {}
        self._trials: dict[str, dict[int, bytes]] = {}

    def add(self, record: SearchRecord) -> None:
        if (record.model, record.id) in self._records:
            raise ConflictError("the search has changed meanwhile")
        self._records[record.model, record.id] = msgspec.json.encode(record)

    def change(
        self, model: str, search: str, change: Callable[[SearchRecord], SearchRecord]
    ) -> SearchRecord:
        known = self.search(model, search)
        wanted = change(known)
        if wanted == known:
            return known
        if self.search(model, search).revision != known.revision:
            return self.change(model, search, change)
        record = msgspec.structs.replace(wanted, revision=known.revision + 1)
        self._records[model, search] = msgspec.json.encode(record)
        return record

    def search(self, model: str, search: str) -> SearchRecord:
        if (model, search) not in self._records:
            raise NotFoundError("there is no such search of that model")
        return msgspec.json.decode(self._records[model, search], type=SearchRecord)

    def searches(self, model: str, limit: int = 20, before: str = "") -> list[SearchRecord]:
        names = sorted((s for m, s in self._records if m == model), reverse=True)
        older = [name for name in names if not before or name < before]
        return [self.search(model, name) for name in older[:limit]]

    def add_trial(self, search: str, trial: Trial) -> None:
        self._trials.setdefault(search, {}).setdefault(trial.number, msgspec.json.encode(trial))

    def trials(self, search: str) -> list[Trial]:
        found = sorted(self._trials.get(search, {}).items())
        return [msgspec.json.decode(content, type=Trial) for _, content in found]


def quality(params: dict[str, Any]) -> float:
    """A score that is best at a depth of 7 and small leaves."""
    depth, leaf = params.get("max_depth", 1), params.get("min_samples_leaf", 1)
    return 1 - abs(depth - 7) / 20 - leaf / 100


class _Held:
    """A queue that holds the event until the plant runs it."""

    def __init__(self, plant: SearchPlant) -> None:
        self._plant = plant

    def start(self, _execution: str, event: dict[str, object]) -> None:
        self._plant.event = event

    def halt(self, _execution: str) -> None:
        return None


class SearchPlant:
    """A search from its start to its end: the real machine and use cases, in this process.

    Args:
        spec: What is searched.
        score: The share of rows that a candidate gets right, by its parameters; it may raise.

    Attributes:
        fits: The parameters, and how many rows they were fitted to, fit by fit.
        event: Input of the execution.
        queue: Holds the event, and says of every execution that it runs.
        before_trial: Is called with the event of each trial before its function runs.
        seconds: What a fit of five folds takes.
    """

    def __init__(
        self,
        spec: dict[str, Any] | None = None,
        score: Callable[[dict[str, Any]], float] = quality,
    ) -> None:
        self.objects = MemoryObjectStore()
        self.registry = MemoryRegistry()
        self.clock = SetClock()
        self.store = MemorySearches()
        self.queue = _Held(self)
        self.fits: list[tuple[dict[str, Any], int]] = []
        self.event: dict[str, object] = {}
        self._score = score
        self.seconds = 2.0
        data = as_csv(flowers(80))
        self.training = Training(
            spec or search_spec(), data, store=self.objects, registry=self.registry
        )
        self.spec = self.training.state["spec"]
        self.execution: Execution | None = None
        self.before_trial: Callable[[dict[str, Any]], None] = lambda _event: None

    def start(self) -> SearchRecord:
        """Record the search and remember the event of its execution."""
        return start(
            self.spec["name"],
            SearchRequest(spec=self.spec),
            store=self.store,
            objects=self.objects,
            registry=self.registry,
            queue=self.queue,
            clock=self.clock,
        )

    def run(self) -> SearchRecord:
        """A whole search."""
        known = self.start()
        self.go_on()
        return self.store.search(known.model, known.id)

    def go_on(self) -> Execution:
        """An execution with the event of the start."""
        path = ROOT / "state_machines" / "search.asl.yaml"
        self.execution = Execution.of(path, self._resources()).run(self.event)
        return self.execution

    @property
    def trials(self) -> list[Trial]:
        """The trials of the search that was started."""
        return self.store.trials(str(self.event["search"]))

    def _resources(self) -> dict[str, Callable[[Any], Any]]:
        training = self.training
        steps: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "SearchPropose": (messages.ProposeEvent, lambda e: propose(e, self._proposing())),
            "SearchLoseTrial": (
                messages.LoseEvent,
                lambda e: lose_trial(
                    e, store=self.store, machine=self._machine(), clock=self.clock
                ),
            ),
            "SearchChoose": (
                messages.ChooseEvent,
                lambda e: choose(e, store=self.store, objects=self.objects),
            ),
            "SearchClose": (
                messages.CloseEvent,
                lambda e: close(e, store=self.store, clock=self.clock),
            ),
            "TrainingRecord": (
                of_training.RecordEvent,
                lambda e: training.record(**{k: v for k, v in e.run.items() if k != "started"}),
            ),
        }
        for name in ("Collect", "Preprocess", "Train", "Export", "Evaluate", "Register"):
            steps[f"Training{name}"] = (
                getattr(of_training, f"{name}Event"),
                getattr(training, f"_{name.lower()}"),
            )
        found = {f"${{{name}FunctionArn}}": _lambda(*step) for name, step in steps.items()}
        found["${SearchRunTrialFunctionArn}"] = self._run_trial
        found["arn:aws:states:::s3:getObject"] = lambda given: msgspec.json.decode(
            self.objects.get(given["Key"])
        )
        return found

    def _run_trial(self, event: dict[str, Any]) -> Any:
        self.before_trial(event)
        return _lambda(messages.TrialEvent, lambda e: run_trial(e, self._trying()))(event)

    def _proposing(self) -> ProposePorts:
        return ProposePorts(
            store=self.store,
            objects=self.objects,
            bucket="artifacts",
            sampler=lambda: tpe,
            clock=self.clock,
        )

    def _trying(self) -> TrialPorts:
        return TrialPorts(
            store=self.store,
            objects=self.objects,
            datasets=NpzDataSets(self.objects),
            fitter=self._fit,
            machine=self._machine(),
            clock=self.clock,
            now=lambda: self.clock.now().timestamp(),
        )

    def _machine(self) -> Machine:
        return Machine(1024, Processor.X86)

    def _fit(self, spec: ModelSpec, fitted: Features, held_out: Features) -> Judged:
        self.clock.advance(self.seconds / 5)
        self.fits.append((spec.estimator.params, len(fitted.target)))
        classes = np.unique(fitted.target)
        right = round(self._score(spec.estimator.params) * len(held_out.target))
        wrong = classes[(np.searchsorted(classes, held_out.target) + 1) % len(classes)]
        predicted = np.where(np.arange(len(wrong)) < right, held_out.target, wrong)
        return Judged(classes.tolist(), predicted, None)


def _lambda(kind: Any, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function as its handler is: typed, and with errors by their branch."""

    def call(event: dict[str, Any]) -> Any:
        try:
            return msgspec.to_builtins(work(msgspec.convert(event, kind)))
        except ServeryError as error:
            branches = (RejectedError, RetryableError, ServeryError)
            branch = next(b for b in branches if isinstance(error, b))
            raise branch(str(error)) from error

    return call
