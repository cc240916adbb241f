"""Requests that are answered later."""

from __future__ import annotations

from servery.edge import wire
from servery.edge.operations.describing import (
    CALLBACK,
    JOB_HEADERS,
    LATER,
    PAGE,
    READING,
    RECORDS,
    TENSORS,
    Operation,
)
from servery.usecases.jobs.redriving import RedriveRequest
from servery.usecases.jobs.views import JobList, JobView, Redriven

OPERATIONS: dict[str, Operation] = {
    "submit_job": Operation(
        "Predict with the champion, later: the job is kept when this answers",
        (JobView,),
        (wire.RecordsRequest, wire.TensorRequest),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        query={"callback_url": CALLBACK.format(where="as x-callback-url")},
        headers=LATER,
        sends=("location", *JOB_HEADERS),
        examples={"records": RECORDS, "tensors": TENSORS},
    ),
    "list_jobs": Operation(
        "Jobs, newest first, without results",
        (JobList,),
        errors=READING,
        query={
            **PAGE,
            "model": "Only those of this model.",
            "state": "Only those in this state: queued, running, done, failed, cancelled, expired.",
        },
    ),
    "redrive_jobs": Operation(
        "Give jobs that failed for good all their tries again",
        (Redriven,),
        (RedriveRequest,),
        errors=(400, 413, 415, 422, 503),
        examples={"all": {}, "model": {"model": "iris", "limit": 10}},
        body_required=False,
    ),
    "get_job": Operation("One job, with its result", (JobView,), errors=READING, sends=JOB_HEADERS),
    "cancel_job": Operation(
        "Cancel a job that has not started", (JobView,), errors=(404, 409, 422, 503)
    ),
}
