"""Labels and client events: what was true of a prediction, and what came of it, told later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.lake import UNKNOWN, said
from servery.domain.names import ModelName
from servery.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from servery.ports import Clock, LineLog

MOST_LABELS = 1000
MOST_EVENTS = 1000

RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,128}$(?!\n)")]
EventName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
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


class ClientEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client saw happen after a prediction.

    Attributes:
        request_id: Of the request that predicted, `x-request-id`.
        name: What happened, `clicked`, `bought`, `overruled`, ...
        row: Which of its rows, from 0; None for the request as a whole.
        value: How much of it: a number, a text or a truth value, where there is one.
        time: When it happened, ISO 8601 with an offset; when it was told if left out.
    """

    request_id: RequestId
    name: EventName
    row: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    value: LabelText | WholeNumber | float | bool | None = None
    time: Annotated[datetime, Meta(tz=True)] | None = None


class LabelsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Labels of rows that were predicted, and what came of predictions; at least one of both.

    Attributes:
        labels: Up to 1,000.
        events: Up to 1,000.
        model: Who predicted them; the lake is partitioned by it. Where it is left out reports
            find the labels all the same, since they go by the request.
    """

    labels: Annotated[list[Label], Meta(max_length=MOST_LABELS)] = []
    events: Annotated[list[ClientEvent], Meta(max_length=MOST_EVENTS)] = []
    model: ModelName | None = None


class LabelsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """How many are on their way into the lake.

    Attributes:
        accepted: Labels.
        events: Client events.
    """

    accepted: int
    events: int = 0


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


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the lake; an event that is told twice is there twice.

    Attributes:
        schema: Version of this structure.
        request_id: What joins it with the prediction log.
        name: What happened.
        row: Which row of the request; null for the request as a whole.
        value: How much of it; null where nobody said.
        model: Who predicted, `unknown` where nobody said.
        time: When it happened, ISO 8601, UTC.
        day: The day when it was told; the lake is partitioned by model and day.
    """

    schema: int = 1
    request_id: str
    name: str
    row: int | None
    value: str | int | float | bool | None
    model: str
    time: str
    day: str


def take_labels(
    request: LabelsRequest, labels: LineLog, events: LineLog, clock: Clock
) -> LabelsTaken:
    """Write labels and client events into the lake.

    Raises:
        InvalidInputError: there is neither, or a number is not finite.
        UnavailableError: not all of them were taken; all of them may be sent again.
    """
    _check(request)
    now = clock.now()
    if request.labels:
        labels.write(_label_lines(request, now))
    if request.events:
        events.write(_event_lines(request, now))
    return LabelsTaken(accepted=len(request.labels), events=len(request.events))


def _check(request: LabelsRequest) -> None:
    if not request.labels and not request.events:
        raise InvalidInputError(
            "there is nothing to take",
            (Violation("labels", "has nothing, and neither has events"),),
        )
    values: list[tuple[str, object]] = [
        (f"labels[{n}].label", label.label) for n, label in enumerate(request.labels)
    ]
    values += [(f"events[{n}].value", event.value) for n, event in enumerate(request.events)]
    endless = [
        Violation(place, "is not finite")
        for place, value in values
        if isinstance(value, float) and not math.isfinite(value)
    ]
    if endless:
        raise InvalidInputError("the labels are not acceptable", tuple(endless))


def _label_lines(request: LabelsRequest, now: datetime) -> Sequence[bytes]:
    return [
        msgspec.json.encode(
            LabelLine(
                request_id=label.request_id,
                row=label.row,
                label=label.label,
                model=request.model or UNKNOWN,
                time=said(now),
                day=now.date().isoformat(),
            )
        )
        for label in request.labels
    ]


def _event_lines(request: LabelsRequest, now: datetime) -> Sequence[bytes]:
    return [
        msgspec.json.encode(
            EventLine(
                request_id=event.request_id,
                name=event.name,
                row=event.row,
                value=event.value,
                model=request.model or UNKNOWN,
                time=said(event.time or now),
                day=now.date().isoformat(),
            )
        )
        for event in request.events
    ]
