"""The timeline in a terminal: a line for each version, one character for some seconds."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from devkit.demo_lifecycle_timeline import Kind, Part, clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devkit.demo_lifecycle_timeline import Stretch, Timeline

_LABEL, _CELLS = 18, 60
_EIGHTHS = "▁▂▃▄▅▆▇█"
_SIGNS = {
    Kind.REFUSED: ("✗", "bold red"),
    Kind.ROLLED_BACK: ("↩", "bold red"),
    Kind.ALARM: ("!", "bold yellow"),
    Kind.SHIFTED: ("~", "bold"),
    Kind.RETIRED: ("†", "bold"),
}
_LOOKS = {
    Part.CHAMPION: "green",
    Part.CANARY: "yellow",
    Part.SHADOW: "magenta",
    Part.STAND_BY: "dim",
}


def lines(timeline: Timeline, cells: int = _CELLS) -> Iterator[Text]:
    """The drawing, line by line.

    Args:
        timeline: What is drawn.
        cells: How many characters the whole time is.
    """
    yield _line("", _acts(timeline, cells))
    for version, name in timeline.names.items():
        yield _line(name, _row(timeline, version, cells))
    everybody = [("", "")] * cells
    _put_signs(everybody, timeline, "", cells)
    if any(sign for sign, _ in everybody):
        yield _line("", [(sign or " ", look) for sign, look in everybody])
    yield _line(*_requests(timeline, cells))
    yield _line(f"failed: {timeline.failed:,}", _failed(timeline, cells))
    yield _line("right answers", _right(timeline, cells))
    yield _line("", _axis(timeline, cells))
    yield Text("█ champion   ▂▄ canary, by its share   ░ shadow   · stands by", style="dim")


def told(timeline: Timeline) -> Table:
    """What happened, a line for each act and each mark, in order."""
    happened: list[tuple[float, int, Text]] = [
        (act.since, 0, Text(act.title, style="bold")) for act in timeline.acts
    ]
    for mark in timeline.marks:
        sign, look = _SIGNS[mark.kind]
        said = Text.assemble((f"{sign} ", look), f"{mark.kind}: {mark.said}")
        happened.append((mark.at, 1, said))
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="cyan")
    table.add_column()
    for at, _, line in sorted(happened, key=lambda one: one[:2]):
        table.add_row(clock(at), line)
    return table


def _line(label: str, cells: Sequence[tuple[str, str]]) -> Text:
    return Text.assemble((f"{label[: _LABEL - 1]:<{_LABEL}}", ""), *cells)


def _cell(timeline: Timeline, at: float, cells: int) -> int:
    return min(cells - 1, int(at / timeline.length * cells)) if timeline.length else 0


def _acts(timeline: Timeline, cells: int) -> list[tuple[str, str]]:
    drawn = [(" ", "")] * cells
    for number, act in enumerate(timeline.acts, start=1):
        drawn[_cell(timeline, act.since, cells)] = (str(number), "bold")
    return drawn


def _row(timeline: Timeline, version: str, cells: int) -> list[tuple[str, str]]:
    drawn = [(" ", "")] * cells
    mine = [stretch for stretch in timeline.stretches if stretch.version == version]
    for stretch in sorted(mine, key=lambda one: one.part is not Part.STAND_BY):
        first = _cell(timeline, stretch.since, cells)
        last = max(first + 1, round(stretch.until / timeline.length * cells))
        drawn[first:last] = [(_filled(stretch), _LOOKS[stretch.part])] * (min(last, cells) - first)
    _put_signs(drawn, timeline, version, cells)
    return drawn


def _filled(stretch: Stretch) -> str:
    if stretch.part is Part.CANARY:
        return _level(stretch.share)
    return {Part.CHAMPION: "█", Part.SHADOW: "░"}.get(stretch.part, "·")


def _put_signs(drawn: list[tuple[str, str]], timeline: Timeline, version: str, cells: int) -> None:
    for mark in timeline.marks:
        if (mark.version if mark.version in timeline.names else "") == version:
            drawn[_cell(timeline, mark.at, cells)] = _SIGNS[mark.kind]


def _level(share: float) -> str:
    return _EIGHTHS[min(7, max(0, round(share * 8) - 1))]


def _columns(timeline: Timeline, cells: int) -> list[range]:
    """Which seconds each character stands for."""
    count = len(timeline.seconds)
    ends = [round(place * count / cells) for place in range(cells + 1)]
    return [range(min(start, count - 1), max(end, start + 1)) for start, end in pairwise(ends)]


def _requests(timeline: Timeline, cells: int) -> tuple[str, list[tuple[str, str]]]:
    """Their rate as label and drawing."""
    if not timeline.seconds:
        return "requests", []
    counts = [sum(each.answered.values()) + each.failed for each in timeline.seconds]
    known = [counts[seconds.start : seconds.stop] for seconds in _columns(timeline, cells)]
    means = [sum(each) / len(each) if each else 0.0 for each in known]
    most = max(means) or 1.0
    drawn = [(_level(mean / most) if mean else " ", "cyan") for mean in means]
    return f"requests <={most:.0f}/s", drawn


def _failed(timeline: Timeline, cells: int) -> list[tuple[str, str]]:
    if not timeline.seconds:
        return []
    drawn = []
    for seconds in _columns(timeline, cells):
        failed = sum(each.failed for each in timeline.seconds[seconds.start : seconds.stop])
        drawn.append((str(min(failed, 9)), "bold red") if failed else ("·", "dim"))
    return drawn


def _right(timeline: Timeline, cells: int) -> list[tuple[str, str]]:
    accuracy = timeline.accuracy()
    if not accuracy:
        return []
    last = [accuracy[seconds.stop - 1] for seconds in _columns(timeline, cells)]
    return [(" " if share is None else _level(share), "blue") for share in last]


def _axis(timeline: Timeline, cells: int) -> list[tuple[str, str]]:
    """The time at every quarter."""
    drawn = ""
    for quarter in range(5):
        at = f"{clock(timeline.length * quarter / 4)}"
        place = round(quarter / 4 * cells) - (len(at) if quarter == 4 else 0)  # noqa: PLR2004
        drawn = drawn.ljust(place) + at
    return [(drawn, "dim")]
