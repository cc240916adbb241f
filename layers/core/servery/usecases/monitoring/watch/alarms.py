"""What evidence comes to: findings that chance does not explain, and alarms that open and close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from servery.domain.lake import said
from servery.domain.watching import (
    Alarm,
    AlarmState,
    Finding,
    Kind,
    OpenAlarm,
    Severity,
    WatchState,
)
from servery.usecases.monitoring.watch.evidence import Evidence
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.statistics import holm

WEEK = timedelta(days=7)
CLEAR = 0.01
"""Probability above which a figure that is beyond its bound may still be chance."""
OF_THE_MODEL = frozenset({Kind.TOO_FEW, Kind.TOO_MANY, Kind.NO_DATA, Kind.REPEATED})
"""What is no matter of the version, and outlasts it."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_SECOND = 1.0


def allowed(asked: Asked, state: WatchState) -> float:
    """The probability of a false alarm that a look may spend.

    It is what the week's share of the time since the last test comes to, so that looks of a week
    together spend no more than its budget however often there is one, and however their windows
    overlap: the probability of any of several events is at most the sum of theirs.
    """
    since = datetime.fromisoformat(state.tested) if state.tested else asked.since
    return asked.rules.chance * min(1.0, max(0.0, (asked.until - since) / WEEK))


def found_of(evidence: Sequence[Evidence], state: WatchState, chance: float) -> list[Evidence]:
    """What is beyond its bound and no chance, by Holm's procedure over all that is tested.

    Args:
        evidence: All of a look; what began before an earlier alarm was clear counts for nothing.
        state: When alarms were clear.
        chance: Probability that anything of it is false.
    """
    fresh = [
        each for each in evidence if each.window.begin >= _cleared(state, each.identity) - _SECOND
    ]
    tested = [each for each in fresh if each.p is not None]
    fallen = holm([each.p or 0.0 for each in tested], chance)
    sure = [each for each, falls in zip(tested, fallen, strict=True) if falls]
    return [each for each in [*sure, *(e for e in fresh if e.p is None)] if each.over]


def findings_of(asked: Asked, found: Iterable[Evidence]) -> dict[str, Finding]:
    """One finding for each subject: of the shortest window, so that it says how things are now."""
    best: dict[str, Evidence] = {}
    for each in sorted(found, key=lambda e: (e.window.hours, e.p or 0.0)):
        best.setdefault(each.identity, each)
    stated = asked.rules.severity
    return {
        key: msgspec.structs.replace(each.finding(), severity=stated.get(each.kind, each.severity))
        for key, each in best.items()
    }


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order in which people read them."""
    return sorted(findings, key=lambda f: (_RANK[f.severity], f.kind.value, f.subject))


class Alarms:
    """The alarms of a model through one look.

    Args:
        asked: What was looked at.
        state: As the look before left it.
        at: When the look is, ISO 8601, UTC.

    Attributes:
        open: Those that are open after it.
        told: When somebody was told of each last.
        cleared: From when on requests count, for those that were clear.
        news: Those of which somebody is to be told now.
    """

    def __init__(self, asked: Asked, state: WatchState, at: str) -> None:
        self._asked, self._at = asked, at
        self._quiet = timedelta(hours=asked.rules.cool_down_hours)
        self._forgotten = asked.until - timedelta(
            hours=max(asked.rules.window_hours, asked.rules.label_hours)
        )
        self.open = dict(state.open)
        self.told = {key: told for key, told in state.told.items() if not self._over(told)}
        self.cleared = {
            key: since for key, since in state.cleared.items() if _time(since) > self._forgotten
        }
        self.news: list[Alarm] = []

    def look(self, findings: Mapping[str, Finding], evidence: Sequence[Evidence]) -> None:
        """Close what is clear, open what is new, remind of what was not told for long.

        What is clear in the window that an alarm was of is closed, though longer windows go on
        to hold what was wrong before.
        """
        clear = set()
        for key, alarm in list(self.open.items()):
            kind = alarm.finding.kind
            before = alarm.version != self._asked.version and kind not in OF_THE_MODEL
            if kind in self._asked.rules.off or (before and key not in findings):
                self._close(key, alarm)
            elif not before:
                begin = _clear_since(alarm.finding, [e for e in evidence if e.identity == key])
                if begin is not None:
                    self._close(key, alarm)
                    self.cleared[key] = said(datetime.fromtimestamp(begin, UTC))
                    clear.add(key)
        lasting = {key: alarm.finding for key, alarm in self.open.items()}
        for key, finding in {**lasting, **findings}.items():
            if key not in clear:
                self._open(key, finding)

    def _open(self, key: str, finding: Finding) -> None:
        before = self.open.get(key)
        worse = before is not None and _RANK[finding.severity] < _RANK[before.finding.severity]
        since = before.since if before is not None else self._at
        if key not in self.told or worse:
            state = AlarmState.REMINDED if before is not None else AlarmState.OPENED
            self.news.append(Alarm(state=state, finding=finding, since=since))
            self.told[key] = self._at
        self.open[key] = OpenAlarm(
            finding=finding, version=self._asked.version, since=since, told=self.told[key]
        )

    def _close(self, key: str, alarm: OpenAlarm) -> None:
        """Close an alarm; nobody is told who was not told that it was open."""
        del self.open[key]
        if alarm.told >= alarm.since:
            closed = AlarmState.CLOSED
            self.news.append(Alarm(state=closed, finding=alarm.finding, since=alarm.since))

    def _over(self, told: str) -> bool:
        """Whether the cool-down since then is over."""
        return _time(self._at) - _time(told) >= self._quiet


def _clear_since(finding: Finding, evidence: Sequence[Evidence]) -> float | None:
    """Begin of the window in which nothing of a finding is left; None where something is.

    It is the shortest one with as many requests as the alarm was of, or with all that there are,
    so that an alarm is not clear because there is too little to see it by.
    """
    if not evidence:
        return None
    enough = min(finding.samples, max(each.samples for each in evidence))
    hours = min(each.window.hours for each in evidence if each.samples >= enough)
    shortest = [each for each in evidence if each.window.hours == hours]
    if any(each.over and (each.p is None or each.p <= CLEAR) for each in shortest):
        return None
    return shortest[0].window.begin


def _cleared(state: WatchState, key: str) -> float:
    since = state.cleared.get(key)
    return _time(since).timestamp() if since else 0.0


def _time(at: str) -> datetime:
    return datetime.fromisoformat(at)
