"""Jobs over HTTP: submit, look, cancel, list, drive again."""

from __future__ import annotations

from collections.abc import Mapping

from servery.domain.job_ids import is_job_id
from servery.domain.jobs import Job, JobState, seen
from servery.edge.api import Call
from servery.edge.http import Answer, Request, check_media
from servery.edge.strict import check_query, read_body, read_choice, read_page
from servery.edge.submission import callback_of
from servery.edge.telemetry import emit, log_error
from servery.errors import NotFoundError
from servery.usecases.jobs.cancelling import cancel_job
from servery.usecases.jobs.checks import CALLBACK, KEY_HEADER
from servery.usecases.jobs.documents import result_of
from servery.usecases.jobs.reading import ReadPorts, list_jobs, read_job
from servery.usecases.jobs.redriving import RedrivePorts, RedriveRequest, redrive_jobs
from servery.usecases.jobs.submit import Submission, SubmitPorts, Submitted, submit
from servery.usecases.jobs.views import JobView, job_view

SERVICE = "jobs"
ACCEPTED = 202
POLL = {"retry-after": "1"}


class JobsApi:
    """Answers the routes of jobs.

    Args:
        submitting: What taking a job works with.
        reading: What reading works with.
        redriving: What driving again works with.
    """

    def __init__(
        self,
        submitting: SubmitPorts,
        reading: ReadPorts,
        redriving: RedrivePorts,
    ) -> None:
        self._submitting = submitting
        self._reading = reading
        self._redriving = redriving

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "submit_job": self._submit,
            "list_jobs": self._list,
            "redrive_jobs": self._redrive,
            "get_job": self._get,
            "cancel_job": self._cancel,
        }

    def _submit(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_media(request.headers)
        check_query(request, {CALLBACK})
        submission = Submission(
            model=parameters["model"],
            body=request.content(),
            key=request.headers.get(KEY_HEADER.lower()),
            callback_url=callback_of(request),
            request_id=request.request_id,
        )
        submitted = submit(submission, self._submitting)
        _tell(submitted, request)
        # Relative, since the path has the stage before it on the API's own address.
        answer = self._whole(submitted.job, status=ACCEPTED)
        answer.headers.update(POLL, location=f"../../../jobs/{submitted.job.id}")
        return answer

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _answer(read_job(_id(parameters), self._reading))

    def _cancel(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        job = cancel_job(_id(parameters), store=self._reading.store, clock=self._reading.clock)
        return self._whole(job)

    def _list(self, request: Request, _parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request, {"model", "state"})
        model = request.query.get("model", "")
        state = read_choice(request, "state", JobState)
        page = list_jobs(self._reading, model=model, state=state, limit=limit, before=before)
        return Answer(body=page, dimensions={"model": model})

    def _redrive(self, request: Request, _parameters: dict[str, str]) -> Answer:
        check_query(request)
        body = read_body(request, RedriveRequest)
        driven = redrive_jobs(body, self._redriving, seconds=lambda: request.seconds)
        # A name that nobody knows is a value of the caller's, and no dimension.
        return Answer(
            body=driven, dimensions={"model": body.model or ""} if driven.redriven else {}
        )

    def _whole(self, job: Job, status: int = 200) -> Answer:
        """A job with what it came to: one submitted a second time may be over long ago."""
        shown = seen(job, now=self._reading.clock.now().timestamp())
        return _answer(job_view(shown, result_of(shown, self._reading.documents)), status)


def _answer(view: JobView, status: int = 200) -> Answer:
    headers = {} if view.state.final else dict(POLL)
    if view.model_version:
        headers["x-model-version"] = view.model_version
    dimensions = {"model": view.model, "model_version": view.model_version}
    return Answer(status=status, body=view, headers=headers, dimensions=dimensions)


def _id(parameters: dict[str, str]) -> str:
    if not is_job_id(parameters["job"]):
        raise NotFoundError("there is no such job")
    return parameters["job"]


def _tell(submitted: Submitted, request: Request) -> None:
    """Count a job, and say why its message is missing where it is."""
    metrics: dict[str, tuple[float, str]] = {
        "JobsSubmitted": (int(submitted.new), "Count"),
        "JobsSubmittedAgain": (int(not submitted.new), "Count"),
        "JobsUnsent": (int(submitted.unsent is not None), "Count"),
    }
    emit(SERVICE, metrics, {"model": submitted.job.model}, {"job": submitted.job.id})
    if submitted.unsent is not None:
        log_error(submitted.unsent, request_id=request.request_id, route="submit_job")
