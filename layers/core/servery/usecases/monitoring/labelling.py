"""Labels: what was true of a row that was predicted, told later by the id of its request."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.spec import ModelName
from servery.errors import InvalidInputError, Violation
from servery.usecases.monitoring.recording import UNKNOWN

if TYPE_CHECKING:
    from servery.ports import Clock, LineLog

MOST_LABELS = 1000
PREFIX = "labels"

RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,128}$(?!\n)")]
LabelText = Annotated[str, Meta(max_length=200)]
WholeNumber = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was true of one row.

    Attributes:
        request_id: Of the request that predicted it, `x-request-id`.
        row: Which of its rows, from 0.
        label: The class, or the value.
    """

    request_id: RequestId
    row: Annotated[int, Meta(ge=0, le=100_000)] = 0
    label: LabelText | WholeNumber | float | bool


class LabelsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Labels of rows that were predicted.

    Attributes:
        labels: Up to 1,000.
        model: Who predicted them; the lake is partitioned by it. Where it is left out reports
            find the labels all the same, since they go by the request.
    """

    labels: Annotated[list[Label], Meta(min_length=1, max_length=MOST_LABELS)]
    model: ModelName | None = None


class LabelsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """How many labels are on their way into the lake."""

    accepted: int


class LabelLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the lake; of several for the same row the last one holds.

    Attributes:
        schema: Version of this structure.
        request_id: What joins it with the prediction log.
        row: Which row of the request.
        label: What was true of it.
        model: Who predicted it, `unknown` where nobody said.
        time: When it was told, ISO 8601, UTC.
        day: The day of that; the lake is partitioned by model and day.
    """

    schema: int = 1
    request_id: str
    row: int
    label: str | int | float | bool
    model: str
    time: str
    day: str


def take_labels(request: LabelsRequest, log: LineLog, clock: Clock) -> LabelsTaken:
    """Write labels into the lake.

    Raises:
        InvalidInputError: a label is no finite number.
        UnavailableError: not all of them were taken; all of them may be sent again.
    """
    endless = [
        Violation(f"labels[{place}].label", "is not finite")
        for place, label in enumerate(request.labels)
        if isinstance(label.label, float) and not math.isfinite(label.label)
    ]
    if endless:
        raise InvalidInputError("the labels are not acceptable", tuple(endless))
    now = clock.now()
    day = now.date().isoformat()
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    log.write(
        [
            msgspec.json.encode(
                LabelLine(
                    request_id=label.request_id,
                    row=label.row,
                    label=label.label,
                    model=request.model or UNKNOWN,
                    time=time,
                    day=day,
                )
            )
            for label in request.labels
        ]
    )
    return LabelsTaken(accepted=len(request.labels))
