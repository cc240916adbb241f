"""Propose: what the last round told, whether that is enough, and the trials of the next round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.search_records import (
    Best,
    Counts,
    Ended,
    Proposal,
    SearchRecord,
    SearchState,
    Trial,
    TrialState,
)
from servery.domain.search_stop import sentence, stops
from servery.domain.spec_rules import read_spec
from servery.errors import ConflictError, InvalidSpecError
from servery.usecases.search import keys
from servery.usecases.search.messages import ProposeEvent, Round
from servery.usecases.search.rounds import Situation, fitting, in_lanes, leaders, propose_round

if TYPE_CHECKING:
    from servery.domain.search_spec import Search
    from servery.ports import Clock, ObjectStore, Sampler, SearchStore

_LOST = "its function left no word"


@dataclass(frozen=True, slots=True)
class ProposePorts:
    """What proposing works with.

    Attributes:
        store: Where searches and trials are kept.
        objects: Where the spec is, and where the trials of a round are written.
        bucket: Name of the bucket of the objects.
        sampler: Gives the sampler of the algorithm that needs one.
        clock: The time.
    """

    store: SearchStore
    objects: ObjectStore
    bucket: str
    sampler: Callable[[], Sampler]
    clock: Clock


def propose(event: ProposeEvent, ports: ProposePorts) -> Round:
    """Write the next round, or say with an empty one that there is none.

    Nothing but the records decides, so that whoever asks again gets the same; a round that was
    written and not run to its end, by an execution that is no more, is run to its end first.

    Raises:
        ConflictError: the search is over.
    """
    search = _search(event, ports)
    record = ports.store.change(event.model, event.search, _begun(ports.clock.now()))
    told = event.round.number if event.round is not None else 0
    if record.round > told:
        left = _left(event, record.round, ports)
        if left:
            return _write(event, record.round, left, search, ports)
        told = record.round
    trials = _all(event, told, ports)
    ended = _ended(record, search, trials, ports.clock.now())
    proposals: list[Proposal] = []
    if ended is None:
        situation = _situation(event, search, record, trials, told + 1)
        proposals = fitting(propose_round(situation, ports.sampler), search.at_once)
        if not proposals:
            ended = Ended.TRIALS if _complete(search, trials) else Ended.EXHAUSTED
    written = _write(event, told + 1, proposals, search, ports)
    ports.store.change(event.model, event.search, _told(search, trials, written, ended))
    return written


def _search(event: ProposeEvent, ports: ProposePorts) -> Search:
    spec = read_spec(msgspec.json.decode(ports.objects.get(keys.spec(event.search))))
    if spec.search is None:
        raise InvalidSpecError("the spec has no section `search`")
    return spec.search


def _begun(now: datetime) -> Callable[[SearchRecord], SearchRecord]:
    def begun(record: SearchRecord) -> SearchRecord:
        if record.state not in (SearchState.QUEUED, SearchState.RUNNING):
            raise ConflictError(f"the search is {record.state} already")
        started = record.started or now.isoformat(timespec="milliseconds")
        return msgspec.structs.replace(record, state=SearchState.RUNNING, started=started)

    return begun


def _left(event: ProposeEvent, number: int, ports: ProposePorts) -> list[Proposal]:
    """The trials of a round that have no record."""
    written = ports.objects.get(keys.lanes(event.search, number))
    lanes = msgspec.json.decode(written, type=list[list[Proposal]])
    over = {trial.number for trial in ports.store.trials(event.search)}
    planned = sorted((trial for lane in lanes for trial in lane), key=lambda trial: trial.number)
    return [trial for trial in planned if trial.number not in over]


def _all(event: ProposeEvent, told: int, ports: ProposePorts) -> list[Trial]:
    """Every trial that was proposed; of which nobody has heard, failed."""
    for trial in _left(event, told, ports) if told else []:
        fields = {name: getattr(trial, name) for name in trial.__struct_fields__}
        lost = Trial(**fields, state=TrialState.FAILED, reason=_LOST)
        ports.store.add_trial(event.search, lost)
    return ports.store.trials(event.search)


def _ended(
    record: SearchRecord, search: Search, trials: list[Trial], now: datetime
) -> Ended | None:
    if record.stop_asked:
        return Ended.STOPPED
    return stops(
        search.stop,
        trials,
        seconds=record.seconds(now),
        higher_is_better=record.higher_is_better,
    )


def _situation(
    event: ProposeEvent, search: Search, record: SearchRecord, trials: list[Trial], number: int
) -> Situation:
    rows = event.preprocess.train_rows
    return Situation(
        search,
        trials,
        round=number,
        rows=rows - rows // search.folds,
        higher_is_better=record.higher_is_better,
    )


def _complete(search: Search, trials: list[Trial]) -> bool:
    """Whether the trials were all that may be; of a halving, when its last rung was run."""
    return len(trials) >= search.trials or any(trial.rung for trial in trials)


def _write(
    event: ProposeEvent, number: int, trials: list[Proposal], search: Search, ports: ProposePorts
) -> Round:
    if not trials:
        return Round(number=number, count=0)
    key = keys.lanes(event.search, number)
    ports.objects.put(key, msgspec.json.encode(in_lanes(trials, search.at_once)))
    return Round(number=number, count=len(trials), bucket=ports.bucket, key=key)


def _told(
    search: Search, trials: list[Trial], written: Round, ended: Ended | None
) -> Callable[[SearchRecord], SearchRecord]:
    states = [trial.state for trial in trials]
    counts = Counts(
        proposed=len(trials) + written.count,
        done=states.count(TrialState.DONE),
        failed=states.count(TrialState.FAILED),
        skipped=states.count(TrialState.SKIPPED),
    )

    def told(record: SearchRecord) -> SearchRecord:
        return msgspec.structs.replace(
            record,
            round=written.number if written.count else record.round,
            counts=counts,
            best=best_of(trials, higher_is_better=record.higher_is_better),
            cost_usd=sum(trial.cost_usd for trial in trials),
            ended=ended,
            reason=sentence(ended, search.stop, len(trials)) if ended else "",
        )

    return told


def best_of(trials: list[Trial], *, higher_is_better: bool) -> Best | None:
    """The best trial so far; of successive halving, of its highest rung."""
    found = leaders(trials, higher_is_better=higher_is_better)
    if not found:
        return None
    best = found[0]
    return Best(
        number=best.number,
        candidate=best.candidate,
        class_path=best.class_path,
        params=best.params,
        preprocessing=best.preprocessing,
        mean=best.mean or 0.0,
        std=best.std or 0.0,
    )
