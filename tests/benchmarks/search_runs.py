"""A search from its start to its choice in this process: all of it but Lambda and its tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from fakes.clock import SetClock
from fakes.registry import MemoryRegistry
from servery.adapters.optuna_sampler import tpe
from servery.adapters.sklearn_folds import fit_and_ask
from servery.domain.lambda_price import Processor
from servery.domain.search_records import Best, Proposal, SearchRecord, Trial
from servery.usecases.search import keys
from servery.usecases.search.messages import ProposeEvent, Round, Rows, TrialEvent
from servery.usecases.search.propose import ProposePorts, propose
from servery.usecases.search.run_trial import Machine, TrialPorts, run_trial
from servery.usecases.search.start import SearchRequest, start

from benchmarks.search_subjects import Subject


class _Searches:
    """Searches in memory, and the queue that nobody carries them out of."""

    def __init__(self) -> None:
        self._records: dict[str, SearchRecord] = {}
        self._trials: dict[int, Trial] = {}

    def add(self, record: SearchRecord) -> None:
        self._records[record.id] = record

    def change(
        self, model: str, search: str, change: Callable[[SearchRecord], SearchRecord]
    ) -> SearchRecord:
        self._records[search] = change(self._records[search])
        return self._records[search]

    def search(self, model: str, search: str) -> SearchRecord:
        return self._records[search]

    def searches(self, model: str, limit: int = 20, before: str = "") -> list[SearchRecord]:
        return list(self._records.values())

    def add_trial(self, search: str, trial: Trial) -> None:
        self._trials[trial.number] = trial

    def trials(self, search: str) -> list[Trial]:
        return [self._trials[number] for number in sorted(self._trials)]

    def start(self, execution: str, event: dict[str, object]) -> None:
        """Nobody is told."""

    def halt(self, execution: str) -> None:
        """It runs as long as this process does."""


def run(subject: Subject, **rules: Any) -> tuple[Best, list[Trial]]:
    """The winner of a search, and its trials.

    Args:
        subject: The data set, with its candidates.
        rules: Of the section `search`: algorithm, trials, seed ...
    """
    search = {**subject.written["search"], **rules}
    spec, known, clock = {**subject.written, "search": search}, _Searches(), SetClock()
    objects, state = subject.training.store, subject.training.state
    record = start(
        spec["name"],
        SearchRequest(spec=spec),
        store=known,
        objects=objects,
        registry=MemoryRegistry(),
        queue=known,
        clock=clock,
    )
    proposing = ProposePorts(known, objects, "artifacts", lambda: tpe, clock)
    trying = TrialPorts(
        known,
        objects,
        subject.training.datasets,
        fit_and_ask,
        Machine(1769, Processor.X86),
        clock,
        time.perf_counter,
    )
    rows = Rows(
        dataset=state["collect"]["dataset"],
        split=state["preprocess"]["split"],
        train_rows=len(subject.train.target),
        test_rows=len(subject.test.target),
    )
    told: Round | None = None
    while told is None or told.count:
        event = ProposeEvent(
            search=record.id, model=spec["name"], collect=rows, preprocess=rows, round=told
        )
        told = propose(event, proposing)
        for trial in _of(told, record.id, objects):
            run_trial(
                TrialEvent(
                    search=record.id,
                    model=spec["name"],
                    dataset=rows.dataset,
                    split=rows.split,
                    trial=trial,
                ),
                trying,
            )
    best = known.search(spec["name"], record.id).best
    assert best is not None, known.trials(record.id)
    return best, known.trials(record.id)


def _of(told: Round, search: str, objects: Any) -> list[Proposal]:
    if not told.count:
        return []
    lanes = msgspec.json.decode(
        objects.get(keys.lanes(search, told.number)), type=list[list[Proposal]]
    )
    return sorted((trial for lane in lanes for trial in lane), key=lambda trial: trial.number)
