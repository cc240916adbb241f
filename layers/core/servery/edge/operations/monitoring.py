"""What was true of what was predicted."""

from __future__ import annotations

from servery.edge.operations.describing import Operation
from servery.usecases.monitoring.labelling import LabelsRequest, LabelsTaken

OPERATIONS: dict[str, Operation] = {
    "add_labels": Operation(
        "Tell what was true of rows that were predicted, by the ids of their requests",
        (LabelsTaken,),
        (LabelsRequest,),
        status=202,
        errors=(400, 413, 415, 422, 503),
        examples={
            "classes": {
                "model": "iris",
                "labels": [
                    {"request_id": "2f0c8a6e-1", "label": "setosa"},
                    {"request_id": "2f0c8a6e-2", "row": 1, "label": "virginica"},
                ],
            },
            "values": {"labels": [{"request_id": "2f0c8a6e-3", "label": 151.5}]},
        },
    ),
}
