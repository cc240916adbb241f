"""The watch over HTTP: what it says of a model, and asking for a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_page

if TYPE_CHECKING:
    from servery.usecases.monitoring.watch_desk import WatchDesk

ACCEPTED = 202
_POLL_SECONDS = "1"


class WatchApi:
    """Answers the routes of the watch.

    Args:
        desk: Gives what tells of the watch; only asked when a route is called.
    """

    def __init__(self, desk: Callable[[], WatchDesk]) -> None:
        self._desk = desk

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"get_watch": self._get, "ask_look": self._ask}

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request)
        view = self._desk().watch(parameters["model"], limit, before)
        return Answer(body=view, dimensions={"model": view.model})

    def _ask(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        asked = self._desk().ask(parameters["model"])
        return Answer(
            status=ACCEPTED,
            body=asked,
            headers={"location": "watch", "retry-after": _POLL_SECONDS},
            dimensions={"model": asked.model},
        )
