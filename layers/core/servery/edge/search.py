"""Searches over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body, read_page
from servery.errors import InvalidInputError, Violation
from servery.usecases.search.reading import (
    MOST_TRIALS,
    list_searches,
    read_search,
)
from servery.usecases.search.resume import resume
from servery.usecases.search.start import SearchRequest, start
from servery.usecases.search.stop import stop
from servery.usecases.search.views import SearchView, shown

if TYPE_CHECKING:
    from servery.domain.search_records import SearchRecord
    from servery.ports import Clock, ObjectStore, Registry, SearchQueue, SearchStore

ACCEPTED = 202
LARGEST_SPEC = 220_000
"""Bytes of a body; a spec that is kept has 200,000 at the most."""
_POLL_SECONDS = "1"
_LONGEST_NUMBER = 6


class SearchApi:
    """Answers the routes of searches.

    Args:
        store: Where searches are kept.
        objects: Where their specs are.
        registry: Which models there are.
        queue: Who carries searches out, and knows which still run.
        clock: The time.
    """

    def __init__(
        self,
        store: SearchStore,
        *,
        objects: ObjectStore,
        registry: Registry,
        queue: SearchQueue,
        clock: Clock,
    ) -> None:
        self._store = store
        self._objects = objects
        self._registry = registry
        self._queue = queue
        self._clock = clock

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "start_search": self._start,
            "list_searches": self._list,
            "get_search": self._get,
            "stop_search": self._stop,
            "resume_search": self._resume,
        }

    def _start(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = start(
            parameters["model"],
            read_body(request, SearchRequest, most=LARGEST_SPEC),
            store=self._store,
            objects=self._objects,
            registry=self._registry,
            queue=self._queue,
            clock=self._clock,
        )
        return self._accepted(record, f"searches/{record.id}")

    def _list(self, request: Request, parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request)
        page = list_searches(
            parameters["model"], store=self._store, clock=self._clock, limit=limit, before=before
        )
        # A name that nobody knows is a value of the caller's, and no dimension.
        return Answer(body=page, dimensions={"model": parameters["model"]} if page.searches else {})

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request, {"after", "limit"})
        view = read_search(
            parameters["model"],
            parameters["search"],
            store=self._store,
            objects=self._objects,
            queue=self._queue,
            clock=self._clock,
            after=_number(request, "after", -1),
            limit=max(1, min(MOST_TRIALS, _number(request, "limit", MOST_TRIALS))),
        )
        headers = {} if view.state.final else {"retry-after": _POLL_SECONDS}
        return Answer(body=view, headers=headers, dimensions={"model": view.model})

    def _stop(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = stop(
            parameters["model"],
            parameters["search"],
            store=self._store,
            queue=self._queue,
            clock=self._clock,
        )
        return Answer(body=self._shown(record), dimensions={"model": record.model})

    def _resume(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = resume(
            parameters["model"],
            parameters["search"],
            store=self._store,
            objects=self._objects,
            queue=self._queue,
            clock=self._clock,
        )
        return self._accepted(record, f"../{record.id}")

    def _accepted(self, record: SearchRecord, location: str) -> Answer:
        # Relative, since the path has the stage before it on the API's own address.
        headers = {"location": location, "retry-after": _POLL_SECONDS}
        dimensions = {"model": record.model}
        return Answer(
            status=ACCEPTED, body=self._shown(record), headers=headers, dimensions=dimensions
        )

    def _shown(self, record: SearchRecord) -> SearchView:
        return shown(record, record.seconds(self._clock.now()))


def _number(request: Request, name: str, missing: int) -> int:
    given = request.query.get(name)
    if given is None:
        return missing
    if given.isascii() and given.isdigit() and len(given) <= _LONGEST_NUMBER:
        return int(given)
    raise InvalidInputError(
        "the query is not acceptable", (Violation(name, "is a number, 0 or more"),)
    )
