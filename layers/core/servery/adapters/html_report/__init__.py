"""A look as one HTML page that needs nothing else: no script, nothing that is fetched."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from servery.adapters.html_report import charts, figures, tables
from servery.adapters.html_report.style import STYLE
from servery.domain.watch_records import rank
from servery.domain.watching import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from servery.adapters.html_report.figures import Subject
    from servery.domain.watching import HourCounts, Kind, Look, OpenAlarm

MOST_CHARTS = 60
"""Features that are drawn, the furthest ones; the table has all of them."""
_LINKS = ("https://", "http://")


def page(
    look: Look,
    *,
    alarms: Sequence[OpenAlarm],
    counts: HourCounts | None = None,
    playbook: Callable[[Kind], str],
) -> str:
    """The page; its policy allows nothing that would come from elsewhere.

    Args:
        look: All figures of a look.
        alarms: Those that are open after it.
        counts: Requests by the hour; None where they are not known.
        playbook: Where it is said what to do about a kind of alarm.
    """
    title = f"The watch over {look.model}"
    policy = (
        f"default-src 'none'; style-src '{_digest(STYLE)}'; base-uri 'none'; form-action 'none'"
    )
    features, answers = figures.features(look), figures.answers(look)
    body = [
        _head(look, alarms),
        _alarms(alarms, playbook),
        _notes(look),
        _section("Answers", _charts(answers), tables.answers(answers) if answers else ""),
        _section("Features", tables.features(features) if features else "", _charts(features)),
        _section("Service and labels", _hours(counts), _service(look)),
        _foot(look),
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
            *(part for part in body if part),
            "</main></body></html>\n",
        ]
    )


def verdict(alarms: Iterable[OpenAlarm]) -> tuple[str, str]:
    """How the model does: the worst severity (`ok` for none), and a sentence."""
    found = [alarm.finding.severity for alarm in alarms]
    if not found:
        return "ok", "No alarm is open."
    counts = ((severity, found.count(severity)) for severity in sorted(Severity, key=rank))
    said = ", ".join(f"{count} {severity.value}" for severity, count in counts if count)
    number = "alarm is" if len(found) == 1 else "alarms are"
    return min(found, key=rank).value, f"{len(found)} {number} open: {said}."


def _head(look: Look, alarms: Sequence[OpenAlarm]) -> str:
    kind, said = verdict(alarms)
    facts = {
        "version": look.version,
        "looked at": figures.moment(look.at),
        "requests": f"{look.requests:,}",
        "with a label": f"{look.labelled:,}",
        "since": figures.moment(look.since),
        "chance of a false alarm": figures.chance(look.chance) if look.chance else "-",
    }
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return (
        f"<header><h1>The watch over {escape(look.model)}</h1>"
        f'<p class="verdict {kind}">{escape(said)}</p><dl class="facts">{pairs}</dl></header>'
    )


def _alarms(alarms: Sequence[OpenAlarm], playbook: Callable[[Kind], str]) -> str:
    items = []
    for alarm in sorted(alarms, key=lambda a: (rank(a.finding.severity), a.since)):
        found = alarm.finding
        name = " ".join(
            part for part in (found.kind.value.replace("_", " "), found.subject) if part
        )
        where = playbook(found.kind)
        linked = where.startswith(_LINKS)
        book = f'<a href="{escape(where)}">playbook</a>' if linked else escape(where)
        items.append(
            f'<li class="{found.severity.value}"><span class="badge">{found.severity.value}</span>'
            f"<b>{escape(name)}</b><p>{escape(found.said)}</p>"
            f'<p class="dim">Open since {escape(figures.moment(alarm.since))}; '
            f"what to do: {book}</p></li>"
        )
    return _section("Open alarms", f'<ul class="alarms">{"".join(items)}</ul>') if items else ""


def _notes(look: Look) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in look.notes)
    return _section("Not looked at", f'<ul class="notes">{items}</ul>') if items else ""


def _charts(subjects: Sequence[Subject]) -> str:
    drawn: list[str] = []
    for subject in subjects:
        measure = subject.chart
        if measure is None or len(drawn) == MOST_CHARTS:
            continue
        name = subject.name or "all answers"
        told = f"{figures.title(measure.name)} {figures.amount(measure.name, measure.value)}"
        kind = ' class="found"' if subject.found else ""
        drawn.append(
            f"<figure{kind}><figcaption><b>{escape(name)}</b>"
            f'<span class="dim">{escape(told)}</span></figcaption>'
            f"{charts.histograms(measure.bars, name)}</figure>"
        )
    if not drawn:
        return ""
    key = '<p class="dim"><span class="key was"></span>training<span class="key is"></span>now</p>'
    return f'{key}<div class="charts">{"".join(drawn)}</div>'


def _hours(counts: HourCounts | None) -> str:
    drawn = "" if counts is None else charts.hours(counts)
    if not drawn:
        return ""
    return (
        '<figure class="wide"><figcaption><b>Requests by the hour</b></figcaption>'
        f'<div class="scroll" tabindex="0" role="group" aria-label="Chart">{drawn}</div></figure>'
    )


def _service(look: Look) -> str:
    measures = figures.service(look)
    return tables.service(measures) if measures else ""


def _section(title: str, *parts: str) -> str:
    content = "\n".join(part for part in parts if part)
    return f"<section><h2>{escape(title)}</h2>\n{content}</section>" if content else ""


def _foot(look: Look) -> str:
    command = escape(f"servery drift {look.model}")
    return (
        "<footer><p>The training is what the version was made of; now is the window that the look "
        "was at. PSI is the population stability index, KS the Kolmogorov-Smirnov distance. p is "
        "the probability that chance alone brings a figure as far; an alarm needs both a figure "
        "beyond its bound and a p that all figures together allow; one that is beyond and may be "
        "chance is drawn in yellow.</p>"
        f"<p>The same in the terminal: <code>{command}</code></p></footer>"
    )


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
