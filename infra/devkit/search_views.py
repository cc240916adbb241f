"""Searches on the screen: a line for each, or one whole with its trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from devkit.jobs import second
from devkit.screen import table
from devkit.search_chart import chart
from devkit.search_figures import cost, counted, duration, ending, figures, scored
from devkit.search_study import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devkit.screen import Screen
    from devkit.search_study import Study, Trial


def searches_table(searches: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each search."""
    return table(
        ["search", "state", "best", "trials", "created"],
        [
            [
                s["id"],
                s["state"],
                scored(s["best"]["mean"]) if s["best"] else "",
                f"{s['counts']['done']:,} of {s['most']:,}",
                second(s["created"])[5:16],
            ]
            for s in searches
        ],
    )


def show(screen: Screen, study: Study, *, trials: int | None = None) -> None:
    """What a search came to, its history, and its trials, the best first.

    Args:
        screen: Where.
        study: The search.
        trials: How many of its trials; None for all.
    """
    record = study.record
    screen.say(f"Search {record['id']}", style="bold")
    found = figures(study)
    wide = max(len(name) for name, _ in found)
    for name, value in found:
        screen.say(f"{name:<{wide}}  {value}")
    for said in ending(record):
        screen.say(said, style="yellow")
    drawn = chart(study)
    if drawn:
        screen.say()
        for line in drawn:
            screen.show(line)
    ranked = [*study.ranked, *(trial for trial in study.trials if not trial.done)]
    shown = ranked[:trials]
    if shown:
        screen.say()
        screen.show(trials_table(study, shown))
    if len(shown) < len(ranked):
        left = len(ranked) - len(shown)
        screen.say(
            f"... and {left:,} more trials: servery search show {record['model']}", style="dim"
        )


def trials_table(study: Study, trials: Sequence[Trial], *, brief: bool = False) -> Table:
    """A row for each trial; `brief` cuts off what does not fit into its line."""
    made = Table(box=None, header_style="dim", pad_edge=False, expand=brief)
    rungs = study.last_rung > 0
    for name in ("trial", *(["rung"] if rungs else []), study.metric, "time", "cost"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column(
        "settings",
        overflow="ellipsis" if brief else "fold",
        no_wrap=brief,
        ratio=1 if brief else None,
    )
    best = study.best
    for trial in trials:
        chosen = best is not None and trial.number == best.number
        rung = [str(trial.rung + 1)] if rungs else []
        score = _score(trial) if trial.done else trial.state
        cells = [str(trial.number), *rung, score, duration(trial.seconds), cost(trial.cost_usd)]
        style = "bold" if chosen else "" if trial.done else "red"
        made.add_row(*(Text(cell, style) for cell in cells), _settings(study, trial, brief=brief))
    return made


def _score(trial: Trial) -> str:
    return f"{scored(trial.score)}{'' if trial.std is None else f' ± {trial.std:.2g}'}"


def _settings(study: Study, trial: Trial, *, brief: bool) -> Text:
    said = [f"{name}={plain(value)}" for name, value in study.searched(trial).items()]
    if brief and trial.reason:
        return Text.assemble((study.name(trial), "cyan"), (f" {trial.reason}", "red"))
    reason = (f"\n{trial.reason}", "red") if trial.reason else ""
    return Text.assemble((study.name(trial), "cyan"), f" {' '.join(said)}", reason)


def line(record: Mapping[str, Any]) -> str:
    """How far a search is, in a line."""
    if record["state"] == "queued":
        return "queued"
    if record["state"] == "finishing":
        return f"{counted(record['counts'])}; training the winner on all training rows"
    over = record["counts"]["done"] + record["counts"]["failed"] + record["counts"]["skipped"]
    if not record["counts"]["proposed"]:
        return "preparing the data"
    said = [f"{over:,}/{record['most']:,} trials"]
    running = min(record["counts"]["running"], record["at_once"])  # the others wait for them
    said += [f"{running:,} running"] if running else []
    said += [f"{record['counts']['failed']:,} failed"] if record["counts"]["failed"] else []
    best = record.get("best")
    if best:
        said.append(f"best {record['metric']} {scored(best['mean'])} (trial {best['number']})")
    said += [cost(record["cost_usd"]), duration(record["seconds"])]
    if record["stop_asked"]:
        said.append("stopping")
    return ", ".join(said)
