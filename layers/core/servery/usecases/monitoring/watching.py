"""One look at one model: what the lake says of it beside its training, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from servery.domain.lake import said
from servery.domain.predicted import Class
from servery.domain.watching import Kind, Look, Measure, WatchState
from servery.usecases.monitoring.labelling import LabelLine
from servery.usecases.monitoring.watch.accuracy import quality
from servery.usecases.monitoring.watch.alarms import (
    OF_THE_MODEL,
    Alarms,
    allowed,
    findings_of,
    found_of,
    worst_first,
)
from servery.usecases.monitoring.watch.classes import class_shares
from servery.usecases.monitoring.watch.drift import input_drift, prediction_drift
from servery.usecases.monitoring.watch.evidence import Evidence, cumulated
from servery.usecases.monitoring.watch.lines import WatchLine
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.rates import (
    label_silence,
    learn,
    learned_rates,
    log_silence,
    stated_rates,
)
from servery.usecases.monitoring.watch.service import errors, latency, repeated
from servery.usecases.monitoring.watch.tally import Tally
from servery.usecases.monitoring.watch.windows import Windows, windows_of

__all__ = ["MOST_LABELLED", "Asked", "concluded", "look"]

MOST_LABELLED = 200_000
"""Requests whose labels are held at the most."""

_read_line = msgspec.json.Decoder(WatchLine).decode


def look(
    asked: Asked,
    lines: Iterable[bytes],
    labels: Iterable[LabelLine],
    state: WatchState,
    *,
    at: datetime,
) -> tuple[Look, WatchState]:
    """Look at a model.

    What it holds does not grow with the lines, which it reads once, in any order.

    Args:
        asked: The model, as it is when the look begins.
        lines: Lines of its prediction log, each without its newline, of all windows at least.
        labels: Labels that were told since the begin of the longest window.
        state: As the look before left it.
        at: When the look is.

    Returns:
        What was found, and what the next look is to be told.
    """
    windows = windows_of(asked.rules, asked.since, asked.until)
    told, newest, left = _by_request(labels)
    tally = Tally(asked, windows, told)
    tally.unread.labels = left
    for line in lines:
        try:
            tally.add(_read_line(line))
        except (msgspec.MsgspecError, ValueError):
            tally.unread.lines += 1
    tally.whole()
    state = msgspec.structs.replace(state, labelled=max(state.labelled, newest))
    return concluded(asked, tally, windows, state, at=at)


def concluded(
    asked: Asked, tally: Tally, windows: Windows, state: WatchState, *, at: datetime
) -> tuple[Look, WatchState]:
    """What was counted comes to findings, and to alarms; `look` for who has counted already."""
    now = said(at)
    evidence = list(_evidence(asked, tally, windows, state))
    chance = allowed(asked, state)
    before = state if state.version in {"", asked.version} else _of_another(state)
    found = found_of(evidence, before, chance)
    alarms = Alarms(asked, before, now)
    alarms.look(findings_of(asked, found), evidence)
    whole = cumulated(tally.slices)[-1]
    after = msgspec.structs.replace(
        state,
        version=asked.version,
        looked=now,
        tested=said(asked.until) if any(e.p is not None for e in evidence) else state.tested,
        looks=state.looks + 1,
        open=alarms.open,
        told=alarms.told,
        cleared=alarms.cleared,
        hours=learn(state.hours, tally.hours, asked, windows.begins[windows.drift - 1]),
    )
    seen = Look(
        model=asked.model,
        version=asked.version,
        at=now,
        since=said(datetime.fromtimestamp(windows.begins[-1], UTC)),
        until=said(asked.until),
        requests=whole.requests,
        labelled=whole.labelled,
        chance=chance,
        findings=worst_first(alarm.finding for alarm in alarms.open.values()),
        measures=_measures(evidence, found),
        alarms=alarms.news,
        notes=_notes(asked, tally),
    )
    return seen, after


def _evidence(
    asked: Asked, tally: Tally, windows: Windows, state: WatchState
) -> Iterator[Evidence]:
    """All figures, but those of what is not to be looked at."""
    whole = cumulated(tally.slices)
    sorts: list[tuple[tuple[Kind, ...], Callable[[], Iterator[Evidence]]]] = [
        ((Kind.INPUT_DRIFT,), lambda: input_drift(asked, tally, windows)),
        ((Kind.PREDICTION_DRIFT,), lambda: prediction_drift(asked, tally, windows)),
        ((Kind.CLASS_ABSENT, Kind.CLASS_FREQUENT), lambda: class_shares(asked, tally, windows)),
        ((Kind.ERRORS,), lambda: errors(asked, whole, windows)),
        ((Kind.LATENCY,), lambda: latency(asked, whole, tally, windows)),
        ((Kind.REPEATED,), lambda: repeated(asked, whole, tally, windows)),
        ((Kind.TOO_FEW, Kind.TOO_MANY), lambda: stated_rates(asked, whole, windows)),
        ((Kind.TOO_FEW, Kind.TOO_MANY), lambda: learned_rates(asked, tally, state.hours)),
        ((Kind.ACCURACY,), lambda: quality(asked, whole, windows)),
        ((Kind.NO_DATA,), lambda: log_silence(asked, tally)),
        ((Kind.NO_DATA,), lambda: label_silence(asked, whole, state.labelled)),
    ]
    off = set(asked.rules.off)
    for kinds, find in sorts:
        if set(kinds) - off:
            yield from (each for each in find() if each.kind not in off)


def _of_another(state: WatchState) -> WatchState:
    """What still holds once another version is champion."""
    kinds = tuple(f"{kind.value}:" for kind in OF_THE_MODEL)
    kept = {key: since for key, since in state.cleared.items() if key.startswith(kinds)}
    return msgspec.structs.replace(state, cleared=kept)


def _measures(evidence: list[Evidence], found: list[Evidence]) -> list[Measure]:
    """Of each figure the window that is a finding, else the longest; the shortest of several."""
    chosen: dict[tuple[Kind, str, str], tuple[bool, Evidence]] = {}
    places = {id(each) for each in found}
    for each in evidence:
        key, wrong = (each.kind, each.subject, each.name), id(each) in places
        known = chosen.get(key)
        if known is None or not known[0]:
            chosen[key] = (wrong, each)
    return [each.measure(found=wrong) for wrong, each in chosen.values()]


def _notes(asked: Asked, tally: Tally) -> list[str]:
    """What could not be looked at."""
    unread = tally.unread
    told = [
        (unread.lines, "lines of the log could not be read"),
        (unread.inputs, "requests had inputs that could not be read as rows of the model"),
        (unread.hidden, "requests have no input in the log, as of personal features"),
        (unread.outputs, "requests have no predictions in the log that could be read"),
        (unread.labels, f"labels are beyond the {MOST_LABELLED} requests that are looked at"),
    ]
    notes = [f"{count} {sentence}" for count, sentence in told if count]
    if tally.masked:
        names = ", ".join(sorted(tally.masked))
        notes.append(f"{names}: about persons, and hashed or left out in the log")
    if asked.baseline.predictions is None:
        notes.append("the training kept no held-out predictions to compare the answers with")
    return notes


def _by_request(labels: Iterable[LabelLine]) -> tuple[dict[str, Mapping[int, Class]], str, int]:
    """Labels by request and row, when the last one was told, and how many were left out.

    Of several for one row the one that was told last holds.
    """
    found: dict[str, dict[int, Class]] = {}
    told: dict[tuple[str, int], str] = {}
    newest, left = "", 0
    for line in labels:
        newest = max(newest, line.time)
        rows = found.get(line.request_id)
        if rows is None and len(found) >= MOST_LABELLED:
            left += 1
            continue
        place = (line.request_id, line.row)
        if told.get(place, "") <= line.time:
            told[place] = line.time
            found.setdefault(line.request_id, {})[line.row] = line.label
    return dict(found), newest, left
