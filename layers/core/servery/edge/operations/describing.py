"""How a route is described, and what many of them have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

RECORDS = {"records": [{"sepal_length": 5.1, "sepal_width": 3.5}]}
TENSORS = {
    "inputs": [
        {"name": "sepal_length", "shape": [2], "datatype": "FP32", "data": [5.1, 6.2]},
        {"name": "sepal_width", "shape": [2], "datatype": "FP32", "data": [3.5, 2.9]},
    ]
}
PAGE = {
    "limit": "How many at the most.",
    "before": "Where the last page ended: its `next`.",
}
CALLBACK = "Address (https) that is told when the job is over; once, here or {where}."
KEY = "1 to 255 printable characters; the same one gives the same job."
LATER = {
    "Idempotency-Key": KEY,
    "x-callback-url": CALLBACK.format(where="in the query"),
}
JOB_HEADERS = ("retry-after", "x-model-version")
SERVING = (404, 429, 503, 504)
READING = (404, 422, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route, described.

    Attributes:
        summary: One line.
        answers: Types of the answer; none where it is no JSON of ours.
        bodies: Types of the body, any of which is taken.
        status: Of the answer.
        also: Another status that the same answer may have, or 0.
        errors: Statuses of the problem documents that are its own, beside those of all.
        query: Names of the parameters in the query, with what they are for.
        headers: Names of the request's headers that it knows, with what they are for.
        sends: Names of the answer's own headers, beside those of all.
        media: Content type of the answer.
        examples: Bodies by name.
        body_required: Whether the body can be left out.
    """

    summary: str
    answers: tuple[type, ...] = ()
    bodies: tuple[type, ...] = ()
    status: int = 200
    also: int = 0
    errors: tuple[int, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    sends: tuple[str, ...] = ()
    media: str = "application/json"
    examples: dict[str, Any] = field(default_factory=dict)
    body_required: bool = True
