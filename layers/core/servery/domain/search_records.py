"""What is kept of a search: the search itself, its trials, and what the winner came to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.search_spec import Algorithm


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class SearchState(StrEnum):
    """How far a search is.

    `refused` is a search whose data or candidates are at fault, `failed` one that the system let
    down.
    """

    QUEUED = "queued"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self in (SearchState.SUCCEEDED, SearchState.REFUSED, SearchState.FAILED)


class Ended(StrEnum):
    """Why a search proposed no more trials."""

    TRIALS = "trials"
    EXHAUSTED = "exhausted"
    SECONDS = "seconds"
    COST = "cost_usd"
    TARGET = "target"
    PATIENCE = "patience"
    STOPPED = "stopped"


class TrialState(StrEnum):
    """What became of a trial; `skipped` ones had not begun when the search ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Proposal(_Record, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """A trial as it is proposed, and with what it is run.

    Attributes:
        number: Counted from 0 in the order in which trials are proposed.
        round: Trials of a round are proposed together, from what the rounds before it told.
        rung: Of successive halving; 0 elsewhere.
        resource: What this rung gives: training rows of a fold, or a value of the parameter;
            None where the trial gets everything.
        parent: Number of the trial of the rung before that this one goes on from.
        candidate: Place of its candidate in the spec, from 0.
        class_path: Class of the estimator.
        params: Its parameters.
        preprocessing: As in the spec; None where it is that of the spec.
        point: What was chosen, by dimension: `max_depth`, or
            `preprocessing[0].steps[1].n_components` for a parameter of a step.
    """

    number: int
    round: int
    rung: int = 0
    resource: int | None = None
    parent: int | None = None
    candidate: int
    class_path: str
    params: dict[str, Any] = {}
    preprocessing: Any = None
    point: dict[str, Any] = {}


class Trial(Proposal, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """A trial that is over.

    Attributes:
        state: done, failed or skipped.
        scores: The metric of the spec, one for each fold (done only).
        mean: Of the scores (done only).
        std: Their standard deviation (done only).
        reason: Why it failed or was skipped.
        warnings: What the libraries said about the fits.
        seconds: How long it took.
        memory_mb: Memory of its function.
        cost_usd: What that costs at Lambda's list price.
        started: ISO 8601, UTC.
    """

    state: TrialState
    scores: list[float] = []
    mean: float | None = None
    std: float | None = None
    reason: str = ""
    warnings: list[str] = []
    seconds: float = 0.0
    memory_mb: int = 0
    cost_usd: float = 0.0
    started: str = ""


class Counts(_Record, frozen=True, kw_only=True):
    """Trials by what became of them; what is proposed and not among the others is running."""

    proposed: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0


class Best(_Record, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """The best trial so far, of those that got the most of the resource."""

    number: int
    candidate: int
    class_path: str
    params: dict[str, Any]
    preprocessing: Any
    mean: float
    std: float


class Winner(Best, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """The best trial once it was trained on all training rows.

    Attributes:
        training_id: The training that did it.
        runtime: What would serve it.
        metrics: On the test rows, which were looked at this once; empty where it did not come
            so far.
        tested: When, ISO 8601, UTC.
        test_rows: How many they are.
        passed: Whether the gates of the spec let it pass.
        reasons: What the gates say, or why it did not come so far.
    """

    training_id: str
    runtime: str = ""
    metrics: dict[str, float] = {}
    tested: str = ""
    test_rows: int = 0
    passed: bool = False
    reasons: list[str] = []


class SearchRecord(_Record, frozen=True, kw_only=True):
    """One search.

    Attributes:
        id: Name of the execution; sorts by time.
        model: Name of the model.
        state: How far it is.
        revision: Counts the writes of this record; a stale writer loses.
        runs: Executions so far: one, and one more each time that it was resumed.
        algorithm: How trials are chosen.
        metric: What they are judged by.
        higher_is_better: Which way is better.
        seed: Of everything that is drawn.
        folds: Of the cross-validation.
        at_once: How many trials run at the same time.
        most: How many trials at the most.
        candidates: How many architectures.
        register: Whether the winner is to become a version.
        round: Rounds proposed so far.
        counts: Trials, as of the last round.
        best: The best trial so far.
        stop_asked: Whether somebody wants it to end.
        ended: Why no more trials were proposed; empty while some are.
        reason: The same, or what went wrong, as a sentence.
        winner: What the best trial came to.
        version: What it was registered as, and `training` as which of its trainings.
        created: ISO 8601, UTC; likewise `started` and `finished`.
        handed: When its last execution was asked for, ISO 8601, UTC.
        paused: Seconds in which nobody carried it out, from the end of an execution to the next.
        cost_usd: Of its trials, at Lambda's list price.
    """

    id: str
    model: str
    state: SearchState = SearchState.QUEUED
    revision: int = 1
    runs: int = 1
    algorithm: Algorithm
    metric: str
    higher_is_better: bool
    seed: int
    folds: int
    at_once: int
    most: int
    candidates: int
    register: bool = False
    round: int = 0
    counts: Counts = Counts()
    best: Best | None = None
    stop_asked: bool = False
    ended: Ended | None = None
    reason: str = ""
    winner: Winner | None = None
    version: str = ""
    training: str = ""
    created: str
    started: str = ""
    finished: str = ""
    handed: str = ""
    paused: float = 0.0
    cost_usd: float = 0.0

    @property
    def execution(self) -> str:
        """Name of its last execution."""
        return self.id if self.runs == 1 else f"{self.id}-r{self.runs}"

    def seconds(self, now: datetime) -> float:
        """Seconds from its start to its end, or to now, without those in which it was paused."""
        if not self.started:
            return 0.0
        end = datetime.fromisoformat(self.finished) if self.finished else now
        began = datetime.fromisoformat(self.started)
        return max(0.0, (end - began).total_seconds() - self.paused)
