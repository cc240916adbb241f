"""Caches over HTTP: how one does, warming it, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.domain.warm_ups import WarmRequest, WarmUpState
from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body

if TYPE_CHECKING:
    from servery.usecases.data_cache.warm_desk import WarmDesk

SERVICE = "data_cache"
ACCEPTED = 202
_POLL_SECONDS = "1"


class CacheApi:
    """Answers the routes of caches.

    Args:
        desk: Takes warm-ups, and tells.
    """

    def __init__(self, desk: WarmDesk) -> None:
        self._desk = desk

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"get_cache": self._show, "warm_cache": self._warm, "get_warm_up": self._get}

    def _show(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        view = self._desk.show(parameters["model"], seconds=request.seconds)
        return Answer(body=view, dimensions={"model": view.model})

    def _warm(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        warm_up = self._desk.start(parameters["model"], read_body(request, WarmRequest))
        # Relative, since the path has the stage before it on the API's own address.
        headers = {"location": f"warm/{warm_up.id}", "retry-after": _POLL_SECONDS}
        dimensions = {"model": warm_up.model}
        return Answer(status=ACCEPTED, body=warm_up, headers=headers, dimensions=dimensions)

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        warm_up = self._desk.get(parameters["model"], parameters["warm_up"])
        running = warm_up.state is WarmUpState.RUNNING
        headers = {"retry-after": _POLL_SECONDS} if running else {}
        return Answer(body=warm_up, headers=headers, dimensions={"model": warm_up.model})
