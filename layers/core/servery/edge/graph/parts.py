"""The queues of parts: messages in, each carried out at the same time as the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.graph_jobs import GraphJob, PartMessage, PartResult
from servery.domain.graph_records import GraphRecord
from servery.edge.graph.job_log import ROUTE, SERVICE, JobLog
from servery.edge.sqs import letting_go, serve_queue
from servery.edge.telemetry import emit
from servery.usecases.graph.fan_out.answering import Answered, GraphAnswerPorts, answer_all

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

    from servery.ports.crew import Crew

MARGIN_SECONDS = 2.0  # of the function's time, for the log and the answer
FLUSH_SECONDS = 1.5
LONGEST_MESSAGE = 1_000

HideIn = Callable[[str, Mapping[str, float]], None]
"""Hides messages of the queue with that ARN, by their receipt handles, for so many seconds."""


class PartWorker:
    """Carries out the parts that queue events name.

    Args:
        ports: What is worked with.
        crew: Gives the hands for one event.
        hide: Sets when messages come back.
        log: Tells of what was done.
        flush: Writes the prediction log, in so many seconds at the most.
    """

    def __init__(
        self,
        ports: GraphAnswerPorts,
        crew: Callable[[], Crew],
        hide: HideIn,
        log: JobLog,
        flush: Callable[[float], None],
    ) -> None:
        self._ports = ports
        self._crew = crew
        self._hide = hide
        self._log = log
        self._flush = flush
        _use_types_once()

    def serve(self, event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
        """Carry out the parts of one event; those that are not done with come back."""
        queue = str(event["Records"][0]["eventSourceARN"])  # one event is of one queue
        seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS

        def settle(receives: Mapping[str, int]) -> Mapping[str, float]:
            return self._carry_out(receives, seconds)

        answer = serve_queue(
            event,
            context,
            settle=settle,
            hide=lambda pauses: self._hide(queue, pauses),
            lay_aside=letting_go(ROUTE),
            ours=part_of,
        )
        self._flush(FLUSH_SECONDS)
        return answer

    def _carry_out(self, receives: Mapping[str, int], seconds: float) -> dict[str, float]:
        parts = {body: part for body in receives if (part := part_of(body)) is not None}
        asked = {part: receives[body] for body, part in parts.items()}
        answered = answer_all(asked, self._ports, self._crew(), seconds=seconds)
        for part, found in answered.items():
            self._tell(part, found)
        back = {body: answered[part].back for body, part in parts.items()}
        again = sum(found.back is not None for found in answered.values())
        if again:
            emit(SERVICE, {"GraphPartsRetried": (again, "Count")})
        return {body: pause for body, pause in back.items() if pause is not None}

    def _tell(self, part: PartMessage, found: Answered) -> None:
        if found.error is not None:
            self._log.error(found.error, part.job)
        if found.settled is not None:
            if found.result is not None:
                self._log.part(found.settled.job, found.result)
            self._log.settled(found.settled)


def part_of(body: str) -> PartMessage | None:
    """The part that a message names; None for what is no message of ours."""
    if len(body) > LONGEST_MESSAGE:
        return None
    try:
        return msgspec.json.decode(body, type=PartMessage)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


def _use_types_once() -> None:
    """Each type before any thread does: msgspec makes what it needs of a type on first use."""
    for kind in (GraphJob, GraphRecord, PartMessage, PartResult):
        with suppress(msgspec.ValidationError):
            msgspec.convert({}, kind)
