"""`servery search`: a search while it runs."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from devkit import charts, search_views, searches
from devkit.errors import LeftAloneError
from devkit.search_figures import counted
from devkit.search_reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import RenderableType

    from devkit.api import Api
    from devkit.screen import Screen

_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 2.0
_LINE_SECONDS = 5.0
_BEST = 8
_BAR = 24


def watch(
    http: Api,
    record: dict[str, Any],
    screen: Screen,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Show a search until it is over; the search with all of its trials.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; the search goes on.
    """
    model, search, pause = record["model"], record["id"], _FIRST_PAUSE
    trials: list[Mapping[str, Any]] = []
    try:
        with _shown(screen, clock) as tell:
            while True:
                record = searches.more(http, model, search, trials)
                trials = record["trials"]
                if record["state"] in searches.FINAL:
                    break
                tell(record)
                sleep(pause)
                pause = min(pause * 1.2, _LONGEST_PAUSE)
    except KeyboardInterrupt:
        raise LeftAloneError(
            "The search goes on by itself.",
            f"Look again: servery search show {model} {search}; "
            f"end it: servery search stop {model} {search}",
        ) from None
    failed = record["state"] != "succeeded"
    detail = "" if failed else counted(record["counts"])
    screen.done(f"Search {record['state']}", detail, record["seconds"], failed=failed)
    return record


def live(record: Mapping[str, Any]) -> RenderableType:
    """The best trials so far, those that failed, and how far it is."""
    study = read(record)
    counts, most = record["counts"], max(1, record["most"])
    over = (counts["done"] + counts["failed"] + counts["skipped"]) / most
    bar = Text(charts.bar(over, _BAR).ljust(_BAR, "·"), style="cyan")
    status = Text.assemble(bar, "  ", search_views.line(record))
    shown = study.ranked[:_BEST] + [t for t in study.trials if not t.done][-1:]
    return Group(search_views.trials_table(study, shown, brief=True), status) if shown else status


@contextlib.contextmanager
def _shown(
    screen: Screen, clock: Callable[[], float]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A table on a terminal; elsewhere a line now and then, when it says something new."""
    if screen.console.is_terminal:
        with Live(console=screen.console, transient=True, auto_refresh=False) as drawn:
            yield lambda record: drawn.update(live(record), refresh=True)
        return
    told = ("", 0.0)

    def tell(record: Mapping[str, Any]) -> None:
        nonlocal told
        said, now = search_views.line(record), clock()
        news = (record["state"], record["counts"])
        if str(news) != told[0] and (not told[0] or now - told[1] >= _LINE_SECONDS):
            screen.note(said)
            told = (str(news), now)

    yield tell
