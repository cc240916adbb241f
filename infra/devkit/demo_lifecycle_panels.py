"""What callers met, below the versions of the picture: who answered, and how rightly."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from devkit.demo_lifecycle_shapes import LEFT, RIGHT, Scale, box, line, text
from devkit.demo_lifecycle_timeline import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devkit.demo_lifecycle_timeline import Second, Timeline

ANSWERS, ACCURACY = 96, 56
"""How high they are."""
_COLUMNS = 160
_FAILED = "failed"


def answered(timeline: Timeline, scale: Scale, top: float) -> Iterator[str]:
    """A column for some seconds: answers by version, failures on top."""
    seconds = timeline.seconds
    step = max(1, ceil(len(seconds) / _COLUMNS))
    columns = {at: seconds[at : at + step] for at in range(0, len(seconds), step)}
    # A last one that is cut short would look like a pause.
    rates = {at: _rates(each) for at, each in columns.items() if len(each) == step}
    most = max((sum(rate.values()) for rate in rates.values()), default=0.0) or 1.0
    yield text("answers", 24, top + 14, "bold")
    yield text("a second, by who", 24, top + 29, "dim small")
    yield text("answered", 24, top + 42, "dim small")
    yield text(f"{most:.0f}", LEFT - 8, top + 9, "dim small", end=True)
    yield line(LEFT, top + ANSWERS, RIGHT, top + ANSWERS, "edge")
    for at, rate in rates.items():
        left, wide = scale.x(at), scale.x(at + step) - scale.x(at)
        base = top + ANSWERS
        for version in (v for v in timeline.names if v in rate):
            high = ANSWERS * rate[version] / most
            base -= high
            paint = f'fill="{scale.colour(version)}"'
            yield box(left, base, wide + 0.3, high, paint=paint)
        if _FAILED in rate:
            high = max(3.0, ANSWERS * rate[_FAILED] / most)
            yield box(left, base - high, wide + 0.3, high, kind="badly")


def right_answers(timeline: Timeline, scale: Scale, top: float) -> Iterator[str]:
    """A line: the share of right answers of the last seconds."""
    yield text("right answers", 24, top + 14, "bold")
    yield text(f"of the last {WINDOW} seconds", 24, top + 29, "dim small")
    for share in (1.0, 0.5, 0.0):
        level = top + ACCURACY * (1 - share)
        yield text(f"{share:.0%}", LEFT - 8, level + 4, "dim small", end=True)
        yield line(LEFT, level, RIGHT, level, "edge")
    known = [(at, share) for at, share in enumerate(timeline.accuracy()) if share is not None]
    if known:
        points = (
            f"{scale.x(at + 0.5):.1f} {top + ACCURACY * (1 - share):.1f}" for at, share in known
        )
        yield f'<path class="right" d="M{"L".join(points)}"/>'


def _rates(seconds: Sequence[Second]) -> dict[str, float]:
    """Answers in a second by version, and failures, on average over some seconds."""
    found: dict[str, float] = {}
    for second in seconds:
        for version, count in second.answered.items():
            found[version] = found.get(version, 0.0) + count / len(seconds)
    failed = sum(second.failed for second in seconds)
    return found | ({_FAILED: failed / len(seconds)} if failed else {})
