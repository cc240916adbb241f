"""Predictions, and models as the Open Inference Protocol describes them."""

from __future__ import annotations

from servery.domain.pairs import PAIR_HEADER
from servery.edge import wire
from servery.edge.operations.describing import RECORDS, SERVING, TENSORS, Operation
from servery.usecases.gateway import ModelReady
from servery.usecases.jobs.views import JobView


def _infer(summary: str) -> Operation:
    return Operation(
        summary,
        answers=(wire.RecordsAnswer, wire.TensorAnswer, JobView),
        bodies=(wire.RecordsRequest, wire.TensorRequest),
        also=202,  # where a refused request becomes a job
        errors=(400, 409, 413, 415, 422, *SERVING),
        headers={
            PAIR_HEADER: "Of half of a pair that takes features: the pair of who made them, as "
            "the preprocessor's answer says it."
        },
        sends=(PAIR_HEADER, "x-served-by", "x-cache", "retry-after", "location"),
        examples={"records": RECORDS, "tensors": TENSORS},
    )


OPERATIONS: dict[str, Operation] = {
    "live": Operation("Whether the API runs", (wire.Live,)),
    "ready": Operation("Whether requests can be served", (wire.Ready,), errors=(503,)),
    "server": Operation("What answers here", (wire.ServerMetadata,)),
    "model_metadata": Operation(
        "The champion: its inputs and outputs", (wire.ModelMetadata,), errors=SERVING
    ),
    "model_ready": Operation(
        "Have the champion check itself with the recorded sample", (ModelReady,), errors=SERVING
    ),
    "model_infer": _infer("Predict with the champion"),
    "version_metadata": Operation(
        "A served version: its inputs and outputs", (wire.ModelMetadata,), errors=SERVING
    ),
    "version_ready": Operation("Have a served version check itself", (ModelReady,), errors=SERVING),
    "version_infer": _infer("Predict with a served version and no other"),
}
