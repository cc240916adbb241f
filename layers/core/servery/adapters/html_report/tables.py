"""The tables of a report, as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from servery.adapters.html_report.charts import gauge
from servery.adapters.html_report.figures import amount, chance, reach, title, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.adapters.html_report.figures import Subject
    from servery.domain.watching import Measure

_FEATURES = ("psi", "ks", "chi_square", "nulls")
_ANSWERS = ("psi", "ks", "chi_square", "share")
_NAMES = {
    "per_hour": "requests in an hour",
    "repeat_share": "share of one input",
    "p95_ms": "95 % of answers within",
    "error_share": "share of failures",
    "lines": "lines of the log",
    "labels": "labels",
    "accuracy": "accuracy",
    "rmse": "root mean squared error",
}


def features(subjects: Sequence[Subject]) -> str:
    """Features by row, figures by column."""
    return _subjects("feature", subjects, _FEATURES, "every feature")


def answers(subjects: Sequence[Subject]) -> str:
    """The answers as a whole, and the classes."""
    return _subjects("answers", subjects, _ANSWERS, "all answers")


def service(measures: Sequence[Measure]) -> str:
    """What callers see, and what labels say."""
    rows = []
    for measure in measures:
        name = _NAMES.get(measure.name, measure.name.replace("_", " "))
        subject = f" ({measure.subject})" if measure.subject else ""
        cells = [
            f'<th scope="row">{escape(name + subject)}</th>',
            f"<td>{escape(measure.kind.value.replace('_', ' '))}</td>",
            _figure(measure),
            f"<td>{escape(amount(measure.name, measure.bound))}</td>",
            f"<td>{measure.samples:,}</td>",
            f"<td>{window(measure.hours)}</td>",
        ]
        rows.append(_row(cells, found=measure.found))
    return _table(["figure", "of", "value", "bound", "samples", "window"], rows)


def _subjects(first: str, subjects: Sequence[Subject], columns: Sequence[str], whole: str) -> str:
    known = [name for name in columns if any(name in s.measures for s in subjects)]
    rows = []
    for subject in subjects:
        cells = [f'<th scope="row">{escape(subject.name or whole)}</th>']
        for name in known:
            measure = subject.measures.get(name)
            cells.append("<td>-</td>" if measure is None else _figure(measure))
        cells.append(f"<td>{chance(subject.p)}</td>")
        cells.append(f"<td>{subject.samples:,}</td>")
        cells.append(f"<td>{window(subject.hours)}</td>")
        rows.append(_row(cells, found=subject.found))
    titles = [first, *map(title, known), "p", "samples", "window"]
    return _table(titles, rows)


def _figure(measure: Measure) -> str:
    said = escape(amount(measure.name, measure.value))
    drawn = ""
    if reach(measure):
        drawn = gauge(reach(measure), found=measure.found)
        bound = escape(amount(measure.name, measure.bound))
        said = f'<span title="bound {bound}">{said}</span>'
    mark = ' class="wrong"' if measure.found else ""
    flag = ' <span aria-label="beyond its bound">!</span>' if measure.found else ""
    return f"<td{mark}>{said}{flag}{drawn}</td>"


def _row(cells: Sequence[str], *, found: bool) -> str:
    kind = ' class="found"' if found else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _table(titles: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in titles)
    body = "\n".join(rows)
    # Reached by keyboard, since a narrow screen has to scroll it.
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )
