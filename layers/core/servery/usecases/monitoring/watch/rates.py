"""Whether as many ask as usual, and whether the lake hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

from servery.domain.distributions import binomial_at_most, poisson_at_least, poisson_at_most
from servery.domain.watching import HourCounts, Kind, Severity
from servery.usecases.monitoring.watch.evidence import Evidence, chance_said
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.tally import Slice, Tally
from servery.usecases.monitoring.watch.windows import Window, Windows

KEPT_HOURS = 28 * 24
_WEEK, _DAY = 7 * 24, 24
_MOST_GAP = 6
"""Hours that nobody counted whole, as that in which the champion changed, which are made up for."""
_KNOWN = 3
"""Days, or weeks, that are known before what is usual is."""
_HOUR = "%Y-%m-%dT%H"
_ONE_HOUR = timedelta(hours=1)


def stated_rates(asked: Asked, whole: Sequence[Slice], windows: Windows) -> Iterator[Evidence]:
    """Evidence on the rates that the spec states, in every window."""
    for place, each in enumerate(whole[: windows.drift]):
        least, most = asked.rules.min_per_hour, asked.rules.max_per_hour
        window = windows[place]
        if not window.hours or not asked.sample:
            continue
        if least is not None:
            yield _few(asked, each.every, least, window, "is the least that the spec states")
        if most is not None:
            yield _many(asked, each.every, most, window, "is the most that the spec states")


def learned_rates(asked: Asked, tally: Tally, hours: HourCounts) -> Iterator[Evidence]:
    """Evidence on the last whole hour, beside the same hour of the days, or weeks, before."""
    factor = asked.rules.rate_factor
    end = asked.until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begin = end - _ONE_HOUR
    usual = usual_count(hours, begin)
    if factor is None or usual is None or begin < asked.since or not asked.sample:
        return
    count = tally.hours[begin.strftime(_HOUR)]
    window = Window(begin.timestamp(), 1.0)
    told = f"is the bound where {usual:.4g} are usual from {begin:%H:%M} UTC"
    if asked.rules.min_per_hour is None:
        yield _few(asked, count, usual / factor, window, told)
    if asked.rules.max_per_hour is None:
        yield _many(asked, count, max(usual, 1.0) * factor, window, told)


def usual_count(hours: HourCounts, at: datetime) -> float | None:
    """Requests that are usual in an hour: the median of the same one of the weeks, or the days.

    None where too few of either are known.
    """
    if not hours.first:
        return None
    first = datetime.strptime(hours.first, _HOUR).replace(tzinfo=UTC)
    place = round((at - first) / _ONE_HOUR)
    for step in (_WEEK, _DAY):
        before = range(place - step, -1, -step)
        known = [hours.counts[i] for i in before if i < len(hours.counts)]
        if len(known) >= _KNOWN:
            return float(median(known))
    return None


def learn(hours: HourCounts, counted: Mapping[str, int], asked: Asked, since: float) -> HourCounts:
    """The hours with those that were counted whole since `since`.

    Args:
        hours: As they were known.
        counted: Sampled requests by hour.
        asked: What was looked at.
        since: Begin of what was counted, seconds since the epoch.
    """
    start = datetime.fromtimestamp(since, UTC)
    begin = start.replace(minute=0, second=0, microsecond=0)
    begin += _ONE_HOUR if begin < start else timedelta()
    end = asked.until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    new = max(0, round((end - begin) / _ONE_HOUR))
    if not new or not asked.sample:
        return hours
    found = {begin + i * _ONE_HOUR: 0 for i in range(new)}
    counts = {at: round(counted.get(at.strftime(_HOUR), 0) / asked.sample) for at in found}
    if hours.first:
        first = datetime.strptime(hours.first, _HOUR).replace(tzinfo=UTC)
        old = {first + i * _ONE_HOUR: count for i, count in enumerate(hours.counts)}
        gap = [max(old) + i * _ONE_HOUR for i in range(1, round((begin - max(old)) / _ONE_HOUR))]
        if len(gap) <= _MOST_GAP:  # more than that says nothing of the days before
            day = _DAY * _ONE_HOUR
            counts = old | {at: old.get(at - day, old[max(old)]) for at in gap} | counts
    last = max(counts)
    kept = [counts[last - i * _ONE_HOUR] for i in range(min(len(counts), KEPT_HOURS))][::-1]
    return HourCounts(first=(last - (len(kept) - 1) * _ONE_HOUR).strftime(_HOUR), counts=kept)


def lost_lines(asked: Asked) -> bool:
    """Whether the version has answered long enough for its lines to be missed."""
    lasted = asked.until - asked.since
    return asked.counted is not None and lasted >= timedelta(hours=asked.rules.no_data_hours)


def log_silence(asked: Asked, tally: Tally) -> Iterator[Evidence]:
    """Evidence that fewer than half of the lines come that the metrics say there should be."""
    if not lost_lines(asked) or not asked.counted:
        return
    counted, lines, hours = asked.counted, tally.recent, asked.rules.no_data_hours
    expected = counted * asked.sample
    p = binomial_at_most(min(lines, counted), counted, asked.sample / 2)
    yield Evidence(
        kind=Kind.NO_DATA,
        subject="log",
        name="lines",
        value=lines,
        bound=expected / 2,
        over=lines < expected / 2,
        p=p,
        samples=counted,
        window=Window(asked.until.timestamp() - hours * 3600, hours),
        severity=Severity.CRITICAL,
        said=f"the metrics counted {counted} requests in {hours:.3g} hours, and the log has "
        f"{lines} lines of them where {expected:.4g} were to be expected, {chance_said(p)}",
    )


def label_silence(asked: Asked, whole: Sequence[Slice], labelled: str) -> Iterator[Evidence]:
    """Evidence that labels have stopped, though there were some and requests go on."""
    if not labelled:
        return
    hours = (asked.until - datetime.fromisoformat(labelled)).total_seconds() / 3600
    bound, requests = asked.rules.no_label_hours, whole[-1].every
    yield Evidence(
        kind=Kind.NO_DATA,
        subject="labels",
        name="labels",
        value=hours,
        bound=bound,
        over=hours > bound and requests > 0,
        p=None,
        samples=requests,
        window=Window(asked.until.timestamp() - bound * 3600, bound),
        severity=Severity.WARNING,
        said=f"the last label was told {hours:.4g} hours ago, on {labelled}, and {requests} "
        "requests wait for theirs",
    )


def _few(asked: Asked, lines: int, bound: float, window: Window, told: str) -> Evidence:
    p = poisson_at_most(lines, bound * window.hours * asked.sample)
    made = _rate(asked, lines, bound, window, told=told, p=p)
    severity = Severity.WARNING if lines else Severity.CRITICAL
    return replace(made, kind=Kind.TOO_FEW, over=made.value < bound, severity=severity)


def _many(asked: Asked, lines: int, bound: float, window: Window, told: str) -> Evidence:
    p = poisson_at_least(lines, bound * window.hours * asked.sample)
    made = _rate(asked, lines, bound, window, told=told, p=p)
    return replace(made, kind=Kind.TOO_MANY, over=made.value > bound)


def _rate(
    asked: Asked, lines: int, bound: float, window: Window, *, told: str, p: float
) -> Evidence:
    value = lines / window.hours / asked.sample
    there = f"{value:.4g} requests an hour" if lines else "no request at all"
    return Evidence(
        kind=Kind.TOO_FEW,
        subject="",
        name="per_hour",
        value=value,
        bound=bound,
        over=False,
        p=p,
        samples=lines,
        window=window,
        severity=Severity.WARNING,
        said=f"there were {there} in {window.said}; {bound:.4g} {told}, {chance_said(p)}",
    )
