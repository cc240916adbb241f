"""The figures of a search and the table of its trials, as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from devkit.search_figures import cost, duration, ending, figures, scored
from devkit.search_study import plain

if TYPE_CHECKING:
    from devkit.search_study import Study, Trial

_COLOURS = 8


def facts(study: Study) -> str:
    """What the search came to, in a line of figures; why it ended below them."""
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in figures(study)
    )
    told = "".join(f'<p class="reason">{escape(said)}</p>' for said in ending(study.record))
    return f'<dl class="facts">{tiles}</dl>{told}'


def table(study: Study) -> str:
    """The trials in order; the page's script sorts them by any column."""
    rung = study.last_rung > 0
    names = ["trial", *(["rung"] if rung else []), "architecture", study.metric, "±", "settings"]
    names += ["time", "memory", "cost", "state"]
    head = "".join(
        f'<th scope="col"><button type="button" data-column="{n}">{escape(name)}</button></th>'
        for n, name in enumerate(names)
    )
    rows = "\n".join(_row(study, trial, rung=rung) for trial in study.trials)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _row(study: Study, trial: Trial, *, rung: bool) -> str:
    settings = " ".join(
        f"<span>{escape(name)}=<b>{escape(plain(value))}</b></span>"
        for name, value in study.searched(trial).items()
    )
    if trial.reason:
        settings += f'<div class="wrong">{escape(trial.reason)}</div>'
    folds = "folds: " + ", ".join(map(scored, trial.scores))
    title = f' title="{escape(folds)}"' if trial.scores else ""
    colour = f"c{trial.candidate % _COLOURS}"
    cells = [
        _number(trial.number, str(trial.number)),
        *([_number(trial.rung, str(trial.rung + 1))] if rung else []),
        f'<td class="name {colour}"><span class="key"></span>{escape(study.name(trial))}</td>',
        _number(trial.score, scored(trial.score), title),
        _number(trial.std, "" if trial.std is None else f"{trial.std:.2g}"),
        f'<td class="settings">{settings}</td>',
        _number(trial.seconds, duration(trial.seconds)),
        _number(trial.memory_mb, f"{trial.memory_mb:,} MB" if trial.memory_mb else ""),
        _number(trial.cost_usd, cost(trial.cost_usd)),
        f'<td class="state">{escape(trial.state)}</td>',
    ]
    best = study.best is not None and study.best.number == trial.number
    kind = "trial best" if best else "trial"
    return (
        f'<tr class="{kind}" tabindex="0" data-trial="{trial.number}"'
        f' data-candidate="{trial.candidate}">{"".join(cells)}</tr>'
    )


def _number(value: float | None, said: str, more: str = "") -> str:
    """A figure, sorted by its value; one that is missing comes last."""
    sort = "" if value is None else f' data-value="{value!r}"'
    return f'<td class="figure"{sort}{more}>{escape(said)}</td>'
