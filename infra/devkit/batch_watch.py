"""A batch under way: rows, rows a second and time left, on a terminal and elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn

from devkit import batches
from devkit.errors import LeftAloneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from devkit.api import Api
    from devkit.screen import Screen

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
_WINDOW_SECONDS = 60.0
_LINE_SECONDS = 10.0
_BAR = 24


@dataclass
class Pace:
    """How fast a batch is, out of what was seen of it in the last minute."""

    seen: deque[tuple[float, int, int]] = field(default_factory=deque)

    def see(self, now: float, rows: int, chunks: int) -> None:
        """So many rows and chunks are done."""
        if self.seen and rows < self.seen[-1][1]:
            self.seen.clear()
        self.seen.append((now, rows, chunks))
        while len(self.seen) > 2 and now - self.seen[1][0] > _WINDOW_SECONDS:  # noqa: PLR2004
            self.seen.popleft()

    @property
    def rows_a_second(self) -> float:
        """Rows a second; 0 while nothing can be said."""
        return self._rate(1)

    def seconds_left(self, chunks: int) -> float | None:
        """Seconds until that many more chunks are done; None while nothing can be said."""
        rate = self._rate(2)
        return chunks / rate if rate else None

    def _rate(self, which: int) -> float:
        if not self.seen:
            return 0.0
        first, last = self.seen[0], self.seen[-1]
        seconds = last[0] - first[0]
        return (last[which] - first[which]) / seconds if seconds else 0.0


def watch(
    api: Api,
    batch: dict[str, Any],
    screen: Screen,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Show a batch until it is over; one that is skipped for another leads on to that one.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; the batch goes on.
    """
    pace, pause = Pace(), _FIRST_PAUSE
    try:
        with _shown(screen, clock) as tell:
            while True:
                if batch["chunks"]:
                    pace.see(clock(), batch["rows_in"], _ended(batch))
                if batch["state"] not in batches.FINAL:
                    tell(batch, pace)
                    sleep(pause)
                    pause = min(pause * 1.3, _LONGEST_PAUSE)
                    batch = batches.get(api, batch["id"])
                elif batch["same_as"]:
                    screen.say(f"Skipped: {batch['reason'] or 'predicted already'}", style="yellow")
                    batch = batches.get(api, batch["same_as"])
                else:
                    break
    except KeyboardInterrupt:
        raise LeftAloneError(
            "The batch goes on by itself.", f"Watch it again: servery batch watch {batch['id']}"
        ) from None
    _outcome(screen, batch)
    return batch


def progress_line(batch: Mapping[str, Any], pace: Pace) -> str:
    """Chunks, rows, rows a second, time left: what can be said of them."""
    if not batch["chunks"]:
        return "queued" if batch["state"] == "queued" else "planning"
    said = [f"{_ended(batch):,}/{batch['chunks']:,} chunks", f"{batch['rows_in']:,} rows"]
    if batch["chunks_failed"]:
        said.append(f"{batch['chunks_failed']:,} failed")
    if pace.rows_a_second:
        said.append(f"{pace.rows_a_second:,.0f} rows/s")
    left = pace.seconds_left(batch["chunks"] - _ended(batch))
    if left:
        said.append(f"{_duration(left)} left")
    return ", ".join(said)


@contextlib.contextmanager
def _shown(
    screen: Screen, clock: Callable[[], float]
) -> Iterator[Callable[[Mapping[str, Any], Pace], None]]:
    """A bar on a terminal; elsewhere a line now and then, when it says something new."""
    if screen.console.is_terminal:
        columns = (BarColumn(_BAR), TextColumn("{task.description}", markup=False))
        with Progress(*columns, console=screen.console, transient=True) as bar:
            task = bar.add_task("", total=None)

            def draw(batch: Mapping[str, Any], pace: Pace) -> None:
                bar.update(
                    task,
                    description=progress_line(batch, pace),
                    total=batch["chunks"] or None,
                    completed=_ended(batch),
                    refresh=True,
                )

            yield draw
        return
    told = ("", 0.0)

    def tell(batch: Mapping[str, Any], pace: Pace) -> None:
        nonlocal told
        line, now = progress_line(batch, pace), clock()
        first = not told[0] or told[0] in ("queued", "planning")
        if line != told[0] and (first or now - told[1] >= _LINE_SECONDS):
            screen.note(line)
            told = (line, now)

    yield tell


def _outcome(screen: Screen, batch: Mapping[str, Any]) -> None:
    """The line of a batch that is over; why one has failed is said by whoever shows it whole."""
    seconds, rows = _seconds(batch), batch["rows_out"]
    rate = f", {batch['rows_in'] / seconds:,.0f} rows/s" if seconds and batch["rows_in"] else ""
    rejected = f", {batch['rows_rejected']:,} rejected" if batch["rows_rejected"] else ""
    failed = batch["state"] == "failed"
    detail = "" if failed else f"{rows:,} {'row' if rows == 1 else 'rows'}{rate}{rejected}"
    screen.done(f"Batch {batch['state']}", detail, seconds, failed=failed)


def _seconds(batch: Mapping[str, Any]) -> float | None:
    if not (batch["started"] and batch["finished"]):
        return None
    begun, over = (datetime.fromisoformat(batch[name]) for name in ("started", "finished"))
    return (over - begun).total_seconds()


def _ended(batch: Mapping[str, Any]) -> int:
    return int(batch["chunks_done"] + batch["chunks_failed"])


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
