"""Requests of two stages."""

from __future__ import annotations

from servery.edge import wire
from servery.edge.operations.describing import CALLBACK, JOB_HEADERS, LATER, Operation
from servery.usecases.multi_stage.views import StagedAnswer

_STAGED = {"records": [{"ink": 294, "slant": -0.42, "pixel_0_3": 13, "pixel_0_4": 9}]}

OPERATIONS: dict[str, Operation] = {
    "staged": Operation(
        "Predict with a light model now, and with the heavy one behind it as a job; 202 where the "
        "light one has no answer and only the job will have one",
        (StagedAnswer,),
        (wire.RecordsRequest,),
        also=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        query={"callback_url": CALLBACK.format(where="as x-callback-url")},
        headers=LATER,
        sends=("location", *JOB_HEADERS),
        examples={"records": _STAGED},
    ),
}
