"""What two stages came to, drawn: bars of the figures, and images that the second saw better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devkit.screen import Screen
    from devkit.stages import Asked, Figures, StageFigures

_BAR = 20
_INK = " ░▒▓█"
_DARKEST = 16
_SIDE = 8
_BETWEEN = "   "
_BESIDE = 4  # as many as fit into 80 columns


def show(screen: Screen, found: Figures) -> None:
    """The figures of both stages, and what became of each request."""
    rows = [
        [name, stage.model, f"{stage.accuracy:.1%}", _bar(stage.accuracy), *_took(stage)]
        for name, stage in (("light", found.light), ("heavy", found.heavy))
    ]
    titles = ["stage", "model", "accuracy", "", "median", "95 of 100 within"]
    screen.say()
    screen.show(table(titles, rows, title=f"{found.rows} requests, one row each"))
    screen.say()
    kept = found.rows - found.changed
    lines = [
        ("answer stays", kept),
        ("wrong, then right", found.to_right),
        ("right, then wrong", found.to_wrong),
        ("wrong, then wrong again", found.still_wrong),
    ]
    changed = [
        [name, str(count), f"{count / found.rows:.1%}", _bar(count / found.rows)]
        for name, count in lines
    ]
    title = f"The second stage changed {found.changed_share:.1%} of the answers"
    screen.show(table(["", "rows", "share", ""], changed, title=title))


def images(asked: Sequence[Asked]) -> list[Text]:
    """Some images that the second stage read otherwise, side by side, with what each stage said."""
    shown = [one for one in asked if one.changed and one.heavy == one.row.right][:_BESIDE]
    if not shown or not all(_is_image(one.row.record) for one in shown):
        return []
    drawn = [
        [
            *_image(one.row.record),
            f"light says {one.light}".ljust(2 * _SIDE),
            f"heavy says {one.heavy}".ljust(2 * _SIDE),
        ]
        for one in shown
    ]
    return [Text(_BETWEEN.join(lines)) for lines in zip(*drawn, strict=True)]


def _image(record: Mapping[str, Any]) -> list[str]:
    """The lines of an image of 8 x 8 pixels, each pixel two characters wide."""
    step = _DARKEST / (len(_INK) - 1)
    return [
        "".join(_INK[round(record[f"pixel_{row}_{column}"] / step)] * 2 for column in range(_SIDE))
        for row in range(_SIDE)
    ]


def _is_image(record: Mapping[str, Any]) -> bool:
    return all(f"pixel_{i}_{j}" in record for i in range(_SIDE) for j in range(_SIDE))


def _bar(share: float) -> str:
    filled = round(share * _BAR)
    return "█" * filled + "·" * (_BAR - filled)


def _took(stage: StageFigures) -> list[str]:
    return [_milliseconds(stage.p50_ms), _milliseconds(stage.p95_ms)]


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"  # noqa: PLR2004
