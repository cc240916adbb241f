"""Graphs asked as jobs over HTTP: submit, look, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.domain.graph_jobs import GraphJobState
from servery.edge.api import Call
from servery.edge.graph.job_log import SERVICE
from servery.edge.graph.records import read_records
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_choice, read_flag, read_page
from servery.edge.telemetry import emit, log_error
from servery.usecases.graph.fan_out.reading import GraphReadPorts, list_jobs, view, view_of
from servery.usecases.graph.fan_out.submitting import (
    KEY_HEADER,
    GraphSubmission,
    GraphSubmitPorts,
    GraphSubmitted,
    submit,
)
from servery.usecases.graph.fan_out.views import GraphJobView

if TYPE_CHECKING:
    from servery.ports import Graphs

ACCEPTED = 202
ANSWERS = "answers"
POLL = {"retry-after": "1"}


class GraphJobsApi:
    """Answers the routes of jobs of graphs.

    Args:
        graphs: The graphs at hand.
        submitting: What taking a job works with.
        reading: What reading works with.
    """

    def __init__(
        self, graphs: Graphs, submitting: GraphSubmitPorts, reading: GraphReadPorts
    ) -> None:
        self._graphs = graphs
        self._submitting = submitting
        self._reading = reading

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "submit_graph_job": self._submit,
            "list_graph_jobs": self._list,
            "get_graph_job": self._get,
        }

    def _submit(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = self._graphs.get(parameters["graph"])
        read_records(request, record.request)  # whatever does not fit is refused before it is kept
        submission = GraphSubmission(
            record=record,
            body=request.content(),
            key=request.headers.get(KEY_HEADER.lower()),
            request_id=request.request_id,
        )
        submitted = submit(submission, self._submitting)
        _tell(submitted, request)
        answer = _answer(view_of(submitted.job, self._reading), ACCEPTED)
        # Relative, since the path has the stage before it on the API's own address.
        answer.headers.update(POLL, location=f"jobs/{submitted.job.id}")
        return answer

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request, {ANSWERS})
        answers = read_flag(request, ANSWERS)
        return _answer(view(parameters["graph"], parameters["job"], self._reading, answers=answers))

    def _list(self, request: Request, parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request, {"state"})
        state = read_choice(request, "state", GraphJobState)
        graph = parameters["graph"]
        page = list_jobs(graph, self._reading, state=state, limit=limit, before=before)
        return Answer(body=page, dimensions={"model": graph})


def _answer(found: GraphJobView, status: int = 200) -> Answer:
    dimensions = {"model": found.graph, "model_version": f"r{found.graph_revision}"}
    headers = {} if found.state.final else dict(POLL)
    return Answer(status=status, body=found, headers=headers, dimensions=dimensions)


def _tell(submitted: GraphSubmitted, request: Request) -> None:
    """Count a job, and say why its parts are not published where they are not."""
    metrics: dict[str, tuple[float, str]] = {
        "GraphJobsSubmitted": (int(submitted.new), "Count"),
        "GraphJobsSubmittedAgain": (int(not submitted.new), "Count"),
        "GraphJobsUnsent": (int(submitted.unsent is not None), "Count"),
    }
    emit(SERVICE, metrics, {"model": submitted.job.graph}, {"job": submitted.job.id})
    if submitted.unsent is not None:
        log_error(submitted.unsent, request_id=request.request_id, route="submit_graph_job")
