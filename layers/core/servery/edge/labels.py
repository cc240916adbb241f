"""Labels and client events over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body
from servery.edge.telemetry import emit
from servery.ports import Clock, LineLog
from servery.usecases.monitoring.labelling import LabelsRequest, take_labels

SERVICE = "monitoring"
ACCEPTED = 202
MOST_BODY = 512 * 1024


class LabelsApi:
    """Answers the route of labels.

    Args:
        labels: Where labels go.
        events: Where client events go.
        clock: When they were told.
    """

    def __init__(self, labels: LineLog, events: LineLog, clock: Clock) -> None:
        self._labels = labels
        self._events = events
        self._clock = clock

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"add_labels": self._add}

    def _add(self, request: Request, _parameters: dict[str, str]) -> Answer:
        check_query(request)
        asked = read_body(request, LabelsRequest, most=MOST_BODY)
        taken = take_labels(asked, self._labels, self._events, self._clock)
        counts = {"LabelsAccepted": taken.accepted, "EventsAccepted": taken.events}
        emit(SERVICE, {name: (count, "Count") for name, count in counts.items()})
        return Answer(status=ACCEPTED, body=taken)
