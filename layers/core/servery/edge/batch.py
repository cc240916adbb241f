"""Batches over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.domain.batches import BatchState
from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body, read_choice, read_page
from servery.usecases.batch.reading import list_batches, read_batch
from servery.usecases.batch.rerun import RerunRequest, rerun
from servery.usecases.batch.views import BatchView, batch_view

if TYPE_CHECKING:
    from servery.ports import BatchQueue, BatchStore, Registry

ACCEPTED = 202
_POLL_SECONDS = "1"


class BatchApi:
    """Answers the routes of batches.

    Args:
        store: Where batches are kept.
        registry: Which models there are.
        queue: Who carries batches out.
        bucket: The exchange bucket.
    """

    def __init__(
        self, store: BatchStore, *, registry: Registry, queue: BatchQueue, bucket: str
    ) -> None:
        self._store = store
        self._registry = registry
        self._queue = queue
        self._bucket = bucket

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"list_batches": self._list, "get_batch": self._get, "rerun_batch": self._rerun}

    def _list(self, request: Request, _parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request, {"model", "state"})
        model = request.query.get("model", "")
        page = list_batches(
            self._store,
            self._registry,
            self._bucket,
            model=model,
            state=read_choice(request, "state", BatchState),
            limit=limit,
            before=before,
        )
        # A name that nobody knows is a value of the caller's, and no dimension.
        return Answer(body=page, dimensions={"model": model} if page.batches else {})

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        view = read_batch(parameters["batch"], store=self._store, bucket=self._bucket)
        headers = {} if view.state.final else {"retry-after": _POLL_SECONDS}
        return _about(view, headers)

    def _rerun(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        asked = read_body(request, RerunRequest)
        batch = rerun(parameters["batch"], asked, store=self._store, queue=self._queue)
        # Relative, since the path has the stage before it on the API's own address.
        headers = {"location": f"../{batch.id}", "retry-after": _POLL_SECONDS}
        return _about(batch_view(batch, self._bucket), headers, ACCEPTED)


def _about(view: BatchView, headers: dict[str, str], status: int = 200) -> Answer:
    dimensions = {"model": view.model}
    if view.model_version:
        headers = {**headers, "x-model-version": view.model_version}
        dimensions["model_version"] = view.model_version
    return Answer(status=status, body=view, headers=headers, dimensions=dimensions)
