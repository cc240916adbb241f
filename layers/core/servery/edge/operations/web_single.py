"""The page."""

from __future__ import annotations

from servery.edge import wire
from servery.edge.operations.describing import RECORDS, TENSORS, Operation
from servery.usecases.web_single import Description, Nothing

HTML = "text/html"


OPERATIONS: dict[str, Operation] = {
    "page": Operation("The page", media=HTML),
    "static_file": Operation("A file of the page", media="*/*", errors=(404,)),
    "web_model": Operation("What the page builds its form from", (Description, Nothing)),
    "web_predict": Operation(
        "Predict with the model of the page",
        (wire.RecordsAnswer, wire.TensorAnswer),
        (wire.RecordsRequest, wire.TensorRequest),
        errors=(400, 404, 413, 415, 422, 503),
        examples={"records": RECORDS, "tensors": TENSORS},
    ),
}
