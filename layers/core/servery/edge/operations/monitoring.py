"""What was true of what was predicted, and the watch over models in service."""

from __future__ import annotations

from servery.edge.operations.describing import PAGE, READING, Operation
from servery.usecases.monitoring.labelling import LabelsRequest, LabelsTaken
from servery.usecases.monitoring.watch_desk import LookAsked, WatchView

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
    "get_watch": Operation(
        "What the watch says of a model: the last look with its figures, open alarms, the looks",
        (WatchView,),
        errors=READING,
        query=PAGE,
    ),
    "ask_look": Operation(
        "Have a model looked at now; the watch tells when it is done, by the id of the look",
        (LookAsked,),
        status=202,
        errors=READING,
        sends=("location", "retry-after"),
    ),
}
