"""The timeline as an SVG: self-contained, readable on light and on dark, no scripts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from devkit.demo_lifecycle_panels import ACCURACY, ANSWERS, answered, right_answers
from devkit.demo_lifecycle_shapes import COLOURS, LEFT, STYLE, Scale, box, line, signed, text
from devkit.demo_lifecycle_timeline import Kind, Part, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devkit.demo_lifecycle_timeline import Act, Mark, Stretch, Timeline

WIDTH = 1200
_TOP, _ACTS, _ROW, _BAR = 72, 70, 38, 22
_GAP, _LEGEND = 34, 62
_CHARACTER = 7.3
_TICKS = (10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_TICKS = 12


def svg(timeline: Timeline) -> str:
    """The picture as one SVG document."""
    return _Drawing(timeline).document()


class _Drawing:
    def __init__(self, timeline: Timeline) -> None:
        self._of = timeline
        self._scale = Scale(timeline)
        self._rows = {version: place for place, version in enumerate(timeline.names)}
        self._first_row = float(_TOP + _ACTS + 12)
        self._answers = self._first_row + _ROW * len(self._rows) + _GAP
        self._accuracy = self._answers + ANSWERS + _GAP
        self._bottom = self._accuracy + ACCURACY

    def document(self) -> str:
        """Everything, from what lies below to what lies on top."""
        of, height = self._of, self._bottom + 30 + _LEGEND
        said = ". ".join(f"{clock(mark.at)} {mark.kind}: {mark.said}" for mark in of.marks)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"',
            f' width="{WIDTH}" height="{height:.0f}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(of.title)}</title>',
            f'<desc id="desc">{escape(f"{of.told}. {said}")}</desc>',
            f"<style>{STYLE}</style>",
            self._shadow_pattern(),
            '<rect class="back" width="100%" height="100%"/>',
            text(of.title, 24, 32, "head"),
            text(of.told, 24, 54, "dim"),
            *self._acts(),
            *self._ticks(),
            *self._version_rows(),
            *answered(of, self._scale, self._answers),
            *right_answers(of, self._scale, self._accuracy),
            *self._lines(),
            *self._signs(),
            *self._legend(),
            "</svg>\n",
        ]
        return "\n".join(parts)

    def _row_middle(self, version: str) -> float:
        return self._first_row + _ROW * (self._rows[version] + 0.5)

    @staticmethod
    def _shadow_pattern() -> str:
        return (
            '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect class="back" width="2.5" height="6" '
            'opacity="0.75"/></pattern></defs>'
        )

    def _acts(self) -> Iterator[str]:
        for number, act in enumerate(self._of.acts, start=1):
            left, right = self._scale.x(act.since), self._scale.x(act.until)
            if number % 2:
                yield box(left, _TOP, right - left, self._bottom - _TOP, kind="band")
            yield f"<g><title>{escape(f'{number}. {act.title}')}</title>"
            room = int((right - left - 10) / _CHARACTER)
            for at, said in enumerate(_titled(number, act, room)):
                kind = "bold" if at == 0 else ""
                yield text(said, left + 6, _TOP + 16 + 15 * at, kind)
            yield "</g>"

    def _ticks(self) -> Iterator[str]:
        step = next((t for t in _TICKS if self._of.length / t <= _MOST_TICKS), _TICKS[-1])
        for at in range(0, int(self._of.length) + 1, step):
            yield line(
                self._scale.x(at), self._first_row - 6, self._scale.x(at), self._bottom + 4, "edge"
            )
            yield text(clock(at), self._scale.x(at), self._bottom + 18, "dim small", middle=True)

    def _version_rows(self) -> Iterator[str]:
        for version, name in self._of.names.items():
            middle = self._row_middle(version)
            yield text(name, 24, middle - 1, "bold")
            yield text(version, 24, middle + 12, "dim small")
            for stretch in self._of.stretches:
                if stretch.version == version:
                    yield from self._bar(stretch, middle)

    def _bar(self, stretch: Stretch, middle: float) -> Iterator[str]:
        left, wide = (
            self._scale.x(stretch.since),
            self._scale.x(stretch.until) - self._scale.x(stretch.since),
        )
        thick = {Part.STAND_BY: 3.0, Part.CANARY: max(4.0, _BAR * stretch.share)}
        high = thick.get(stretch.part, float(_BAR))
        top = middle - high / 2 if stretch.part is Part.STAND_BY else middle + _BAR / 2 - high
        paint = f'fill="{self._scale.colour(stretch.version)}"'
        share = f" {stretch.share:.0%}" if stretch.part in (Part.CANARY, Part.SHADOW) else ""
        said = f"{stretch.part}{share}, {clock(stretch.since)} to {clock(stretch.until)}"
        yield f"<g><title>{escape(said)}</title>"
        yield box(left, top, wide, high, paint=paint)
        if stretch.part is Part.SHADOW:
            yield box(left, top, wide, high, paint='fill="url(#hatch)"')
        word = share.strip() if stretch.part is Part.CANARY else str(stretch.part)
        if stretch.part is Part.CANARY and wide > len(word) * 6.5:
            yield text(word, left + wide / 2, top - 3, "small", middle=True)
        if stretch.part is Part.CHAMPION and wide > len(word) * _CHARACTER:
            yield text(word, left + 7, middle + 4, "inside")
        yield "</g>"

    def _lines(self) -> Iterator[str]:
        """What concerns everybody goes through the whole picture."""
        for mark in self._of.marks:
            if mark.kind in (Kind.ALARM, Kind.SHIFTED):
                at, kind = self._scale.x(mark.at), "alarm" if mark.kind is Kind.ALARM else "shift"
                yield line(at, self._first_row, at, self._bottom, f"edge dash {kind}")

    def _signs(self) -> Iterator[str]:
        for mark in self._of.marks:
            in_row = mark.version in self._rows
            middle = self._row_middle(mark.version) if in_row else self._answers - _GAP / 2
            # Beside the end of the canary, whose share stays readable.
            beside = 13 if mark.kind is Kind.ROLLED_BACK else 0
            yield _sign(mark, self._scale.x(mark.at) + beside, middle)

    def _legend(self) -> Iterator[str]:
        left, top = float(LEFT), self._bottom + 46
        paint = f'fill="{COLOURS[1]}"'
        for part, high in (
            (Part.CHAMPION, 14.0),
            (Part.CANARY, 6.0),
            (Part.SHADOW, 14.0),
            (Part.STAND_BY, 3.0),
        ):
            base = top if part is not Part.STAND_BY else top - 5
            yield box(left, base - high, 26, high, paint=paint)
            if part is Part.SHADOW:
                yield box(left, base - high, 26, high, paint='fill="url(#hatch)"')
            told = f"{part}, high as its share" if part is Part.CANARY else str(part)
            yield text(told, left + 33, top - 3, "small")
            left += 33 + len(told) * 6.5 + 26
        yield box(left, top - 14, 8, 14, kind="badly")
        yield text("failed requests", left + 15, top - 3, "small")
        left, top = float(LEFT), top + 26
        for kind in dict.fromkeys(mark.kind for mark in self._of.marks):
            yield signed(kind, left + 8, top - 4)
            yield text(str(kind), left + 22, top, "small")
            left += 22 + len(kind) * 6.5 + 26


def _titled(number: int, act: Act, room: int) -> list[str]:
    """The title of an act in its room; its number alone where there is hardly any."""
    lines = textwrap.wrap(f"{number} {act.title}", room) if room > 6 else []  # noqa: PLR2004
    fits = 0 < len(lines) <= 4 and max(map(len, lines)) <= room  # noqa: PLR2004
    return lines if fits else [str(number)]


def _sign(mark: Mark, x: float, y: float) -> str:
    said = f"{clock(mark.at)} {mark.kind}: {mark.said}"
    return f"<g><title>{escape(said)}</title>{signed(mark.kind, x, y)}</g>"
