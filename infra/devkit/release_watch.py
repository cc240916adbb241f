"""`servery release watch`: a release while it goes on."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from devkit import release_views as views
from devkit.errors import LeftAloneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from devkit.api import Api
    from devkit.screen import Screen

_PAUSE = 1.0
SUCCEEDED = "succeeded"


def watch(
    http: Api,
    record: dict[str, Any],
    plan: Sequence[Mapping[str, Any]],
    screen: Screen,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Show a release until it has ended, with its stages as they come and what is still ahead.

    Args:
        http: The API.
        record: The release, as it was asked for or found.
        plan: Its stages.
        screen: Where it is shown.
        sleep: Waits so many seconds.
        clock: The time.

    Returns:
        The record of the ended release.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; the release goes on.
    """
    model, release = record["model"], record["id"]
    try:
        with _shown(screen, plan, clock) as tell:
            while True:
                tell(record)
                if record["state"] not in views.OPEN:
                    break
                sleep(_PAUSE)
                record = http.get(f"/models/{model}/releases/{release}")
    except KeyboardInterrupt:
        raise LeftAloneError(
            "The release goes on by itself.",
            f"Look again: servery release watch {model} {release}; "
            f"stop it: servery release abort {model} {release}",
        ) from None
    if screen.console.is_terminal:
        show(record, plan, screen, clock())
    else:
        _outcome(record, screen)
    return record


def show(
    record: Mapping[str, Any], plan: Sequence[Mapping[str, Any]], screen: Screen, now: datetime
) -> None:
    """A release as it is: all of its lines, and how it ended."""
    screen.show(views.table_of(views.lines(record, plan, now)))
    _outcome(record, screen)


def live(
    record: Mapping[str, Any], plan: Sequence[Mapping[str, Any]], now: datetime
) -> RenderableType:
    """A release on a terminal while it goes on."""
    said = [Text(views.headline(record), style="bold")]
    if record["state"] == "waiting":
        said.append(Text(_answer_hint(record), style="yellow"))
    return Group(said[0], views.table_of(views.lines(record, plan, now)), *said[1:])


def _outcome(record: Mapping[str, Any], screen: Screen) -> None:
    good = record["state"] in (SUCCEEDED, *views.OPEN)
    screen.say(views.headline(record), style="green" if good else "bold red")
    for reason in views.reasons(record):
        screen.say(f"  {reason}")
    if record["state"] == "waiting":
        screen.say(_answer_hint(record), style="yellow")


def _answer_hint(record: Mapping[str, Any]) -> str:
    name = f"{record['model']} {record['id']}"
    return f"Say servery release approve {name}, or servery release decline {name}."


@contextlib.contextmanager
def _shown(
    screen: Screen, plan: Sequence[Mapping[str, Any]], clock: Callable[[], datetime]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A table on a terminal; elsewhere a line for each thing that begins, or is done."""
    if screen.console.is_terminal:
        with Live(console=screen.console, transient=True, auto_refresh=False) as drawn:
            yield lambda record: drawn.update(live(record, plan, clock()), refresh=True)
        return
    told: set[tuple[int, str]] = set()

    def tell(record: Mapping[str, Any]) -> None:
        for place, row in enumerate(views.lines(record, plan, clock())):
            if row.state == views.AHEAD or (place, row.state) in told:
                continue
            told.add((place, row.state))
            screen.note(views.plain(row))
            if row.state == views.WAITING:
                screen.note(_answer_hint(record))

    yield tell
