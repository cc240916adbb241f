"""Files of rows."""

from __future__ import annotations

from servery.edge.operations.describing import JOB_HEADERS, PAGE, READING, Operation
from servery.usecases.batch.rerun import RerunRequest
from servery.usecases.batch.views import BatchList, BatchView

OPERATIONS: dict[str, Operation] = {
    "list_batches": Operation(
        "Batches, newest first, without outputs",
        (BatchList,),
        errors=(422, 503),
        query={
            **PAGE,
            "model": "Only those of this model.",
            "state": "Only those in this state: queued, running, succeeded, failed, skipped.",
        },
    ),
    "get_batch": Operation(
        "One batch: how far it is, and its outputs once it has succeeded",
        (BatchView,),
        errors=READING,
        sends=JOB_HEADERS,
    ),
    "rerun_batch": Operation(
        "Run a batch that is over again, its failed chunks or all of them",
        (BatchView,),
        (RerunRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        sends=("location", *JOB_HEADERS),
        examples={"failed": {"policy": "failed"}, "all": {"policy": "all"}},
        body_required=False,
    ),
}
