"""`servery drift`: what the watch says of a model, in the terminal and as a page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devkit import charts
from devkit.api import advising
from devkit.errors import DevkitError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servery.adapters.html_report.figures import Subject
    from servery.domain.watching import Look, Measure, OpenAlarm
    from servery.usecases.monitoring.watch_desk import OpenView, WatchView

    from devkit.api import Api
    from devkit.screen import Screen

LOOK_SECONDS = 180.0
MOST_FEATURES = 40
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 2.0
_STYLES = {"critical": "bold red", "warning": "yellow", "info": "blue", "ok": "green"}
_MISSING = {404: "`servery models` lists what there is; what is in service is watched."}


def read(http: Api, model: str) -> WatchView:
    """What the watch says of a model.

    Raises:
        ApiError: there is no such model.
    """
    import msgspec  # noqa: PLC0415 - only where needed
    from servery.usecases.monitoring.watch_desk import WatchView  # noqa: PLC0415

    with advising(_MISSING):
        return msgspec.convert(http.get(f"/models/{model}/watch?limit=20"), WatchView)


def look_now(
    http: Api,
    model: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> WatchView:
    """Ask for a look, and wait until it is there.

    Raises:
        DevkitError: it came to nothing, or is not there in time.
    """
    with advising(_MISSING):
        look = http.post(f"/models/{model}/looks", {})["look"]
    until, pause = clock() + LOOK_SECONDS, _FIRST_PAUSE
    while True:
        found = read(http, model)
        if any(each.id == look for each in found.looks):
            return found
        if found.failure is not None and found.failure.look == look:
            raise DevkitError(
                f"The look came to nothing: {found.failure.said}",
                "See: servery logs MonitoringWatchFunction",
            )
        if clock() > until:
            raise DevkitError(
                f"The look is not there after {LOOK_SECONDS:.0f} s.",
                "See: servery logs MonitoringWatchFunction",
            )
        sleep(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE)


def page(view: WatchView) -> str:
    """The page of the last look, as the lake has it.

    Raises:
        DevkitError: there is no look, or its figures are gone.
    """
    from servery.adapters.html_report import page as drawn  # noqa: PLC0415 - only where needed

    if view.figures is None:
        raise DevkitError(
            f"There are no figures of {view.model}.", f"Look now: servery drift {view.model} --now"
        )
    books = {alarm.finding.kind: alarm.playbook for alarm in view.open}
    return drawn(view.figures, alarms=_alarms(view), counts=view.hours, playbook=books.__getitem__)


def show(screen: Screen, view: WatchView) -> None:
    """The verdict, what is open, and the figures."""
    if view.last is None:
        screen.say(f"Nobody has looked at {view.model} yet.")
        _show_failure(screen, view)
        screen.say(f"Look now: servery drift {view.model} --now", style="dim")
        return
    _show_head(screen, view)
    for alarm in view.open:
        _show_alarm(screen, alarm)
    _show_failure(screen, view)
    if view.figures is not None:
        _show_figures(screen, view.figures)
    for note in view.last.notes:
        screen.say(note, style="dim")
    if view.last.report:
        screen.say()
        screen.say(
            f"The page is in the lake, {view.last.report}.html, and by --html FILE.", style="dim"
        )


def plain(view: WatchView) -> Any:  # noqa: ANN401 - JSON
    """The view as plain values, for machines."""
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(view)


def _alarms(view: WatchView) -> list[OpenAlarm]:
    from servery.domain.watching import OpenAlarm  # noqa: PLC0415 - only where needed

    return [
        OpenAlarm(finding=a.finding, version=a.version, since=a.since, told=a.told)
        for a in view.open
    ]


def _show_head(screen: Screen, view: WatchView) -> None:
    from servery.adapters.html_report import verdict  # noqa: PLC0415
    from servery.adapters.html_report.figures import moment  # noqa: PLC0415

    last = view.last
    if last is None:
        return
    kind, said = verdict(_alarms(view))
    screen.say(f"{view.model} {last.version}", style="bold")
    screen.say(said, style=_STYLES[kind])
    labelled = f", {last.labelled:,} with a label" if last.labelled else ""
    screen.say(
        f"Looked at {moment(last.at)}: {last.requests:,} requests since "
        f"{moment(last.since)}{labelled}.",
        style="dim",
    )
    if view.waiting:
        screen.say(f"{view.waiting} alarms are still to be told.", style="yellow")


def _show_alarm(screen: Screen, alarm: OpenView) -> None:
    from servery.adapters.html_report.figures import moment  # noqa: PLC0415

    found = alarm.finding
    name = " ".join(part for part in (found.kind.value.replace("_", " "), found.subject) if part)
    screen.say()
    screen.say(f"{found.severity.value}: {name}", style=_STYLES[found.severity.value])
    screen.say(f"  {found.said}")
    screen.say(f"  open since {moment(alarm.since)}; what to do: {alarm.playbook}", style="dim")


def _show_failure(screen: Screen, view: WatchView) -> None:
    failure = view.failure
    if failure is None:
        return
    times = "" if failure.times == 1 else f", {failure.times} times in a row"
    screen.say()
    screen.say(f"The last look came to nothing{times}: {failure.said}", style="bold red")


def _show_figures(screen: Screen, look: Look) -> None:
    from servery.adapters.html_report import figures  # noqa: PLC0415

    features, answers = figures.features(look), figures.answers(look)
    for title, subjects in (("answers", answers), ("feature", features)):
        if subjects:
            screen.say()
            screen.show(_subjects(title, subjects[:MOST_FEATURES]))
        if len(subjects) > MOST_FEATURES:
            more = len(subjects) - MOST_FEATURES
            screen.say(f"... and {more} more: --json, --html FILE", style="dim")
    service = figures.service(look)
    if service:
        screen.say()
        screen.show(table(["of", "", "figure", "bound", "window"], [_line(m) for m in service]))


def _subjects(title: str, subjects: Sequence[Subject]) -> Any:  # noqa: ANN401 - a table of rich
    from servery.adapters.html_report import figures  # noqa: PLC0415

    names = [n for n in ("psi", "ks", "chi_square", "nulls", "share") if _any(n, subjects)]
    rows = []
    for subject in subjects:
        bars = subject.chart.bars if subject.chart is not None else []
        most = max((max(bar.baseline, bar.window) for bar in bars), default=0.0)
        rows.append(
            [
                ("! " if subject.found else "  ") + (subject.name or "all answers"),
                charts.spark([bar.baseline for bar in bars], most),
                charts.spark([bar.window for bar in bars], most),
                *(_figure(subject.measures.get(name)) for name in names),
                figures.chance(subject.p),
            ]
        )
    titles = [figures.title(name) for name in names]
    return table([title, "training", "now", *titles, "p"], rows)


def _any(name: str, subjects: Sequence[Subject]) -> bool:
    return any(name in subject.measures for subject in subjects)


def _figure(measure: Measure | None) -> str:
    from servery.adapters.html_report import figures  # noqa: PLC0415

    return "-" if measure is None else figures.amount(measure.name, measure.value)


def _line(measure: Measure) -> list[str]:
    from servery.adapters.html_report import figures  # noqa: PLC0415

    of = " ".join(part for part in (measure.kind.value.replace("_", " "), measure.subject) if part)
    return [
        ("! " if measure.found else "  ") + of,
        figures.title(measure.name),
        figures.amount(measure.name, measure.value),
        figures.amount(measure.name, measure.bound),
        figures.window(measure.hours),
    ]
