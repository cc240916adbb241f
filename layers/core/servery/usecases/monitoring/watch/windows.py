"""The windows of a look: all end now, and each is about twice as long as the one before.

What is sudden fills a short window while it is still lost in a long one; what is slight shows in
a long one only. With windows that double, one of them begins at most twice as long ago as any
change, so at least half of it is of the time since then.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

from servery.domain.watch_rules import Monitor

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Window:
    """One window.

    Attributes:
        begin: Seconds since the epoch.
        hours: Its length.
    """

    begin: float
    hours: float

    @property
    def said(self) -> str:
        """It in words: `the last 4 hours`."""
        hours = float(f"{self.hours:.3g}")
        if hours == 1:
            return "the last hour"
        if hours >= 48:  # noqa: PLR2004 - two days
            return f"the last {hours / 24:.3g} days"
        return f"the last {hours:g} hours" if hours > 1 else f"the last {hours * 60:.3g} minutes"


@dataclass(frozen=True, slots=True)
class Windows:
    """Begins and end, in seconds since the epoch.

    Attributes:
        begins: Of each window, the shortest first.
        until: The end of all, itself outside.
        drift: How many of them, from the first, drift is looked for in; labels come later, and the
            rest is for them.
    """

    begins: list[float]
    until: float
    drift: int

    def place(self, at: float) -> int | None:
        """Which is the shortest window that has this time; None for none."""
        if not self.begins[-1] <= at < self.until:
            return None
        # Begins go back in time, so the ones that are later than `at` are looked for from behind.
        return len(self.begins) - bisect_right(self.begins[::-1], at)

    def __getitem__(self, place: int) -> Window:
        begin = self.begins[place]
        return Window(begin, (self.until - begin) / _HOUR)


def windows_of(rules: Monitor, since: datetime, until: datetime) -> Windows:
    """The windows of a look; none begins before `since`, where the version became champion."""
    window = max(rules.window_hours, rules.absent_hours)
    hours = _doubled(min(rules.shortest_hours, window), window)
    drift = len(hours)
    hours += [each for each in _doubled(window, rules.label_hours) if each > window]
    begins: list[float] = []
    for length in hours:
        begin = max(since, until - timedelta(hours=length)).timestamp()
        if not begins or begin < begins[-1]:
            begins.append(begin)
    return Windows(begins, until.timestamp(), min(drift, len(begins)))


def _doubled(first: float, last: float) -> list[float]:
    lengths = [first]
    while lengths[-1] * 2 < last:
        lengths.append(lengths[-1] * 2)
    return lengths if lengths[-1] >= last else [*lengths, last]
