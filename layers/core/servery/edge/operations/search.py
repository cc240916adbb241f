"""Searches."""

from __future__ import annotations

from servery.edge.operations.describing import PAGE, READING, Operation
from servery.usecases.search.start import SearchRequest
from servery.usecases.search.views import SearchDetail, SearchList, SearchView

OPERATIONS: dict[str, Operation] = {
    "start_search": Operation(
        "Search for an estimator and its parameters",
        (SearchView,),
        (SearchRequest,),
        status=202,
        errors=(400, 404, 413, 415, 422, 503),
        sends=("location", "retry-after"),
        examples={"of the last training": {}},
        body_required=False,
    ),
    "list_searches": Operation(
        "Searches of a model, newest first, without their trials",
        (SearchList,),
        errors=READING,
        query=PAGE,
    ),
    "get_search": Operation(
        "One search: its trials, and its winner once there is one",
        (SearchDetail,),
        errors=READING,
        query={
            "after": "Only trials with a higher number: the `next` of the page before.",
            "limit": "How many trials at the most.",
        },
        sends=("retry-after",),
    ),
    "stop_search": Operation(
        "Begin no more trials, and take the best so far", (SearchView,), errors=(404, 409, 422, 503)
    ),
    "resume_search": Operation(
        "Go on with a search that has failed, without running a trial again",
        (SearchView,),
        status=202,
        errors=(404, 409, 422, 503),
        sends=("location", "retry-after"),
    ),
}
