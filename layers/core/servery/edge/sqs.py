"""Queue events: the messages of an SQS event, and for each of them whether it comes back.

The work is done over the whole event at once, before Powertools' BatchProcessor asks for the
outcome of each record: jobs of one model are served together. An event of which nothing went
well is still answered record by record. Were it raised instead, all would come back at once and
with the pauses that were set for them lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.job_ids import is_job_id
from servery.edge.telemetry import log_error
from servery.errors import FaultError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

UNSETTLED_SECONDS = 30.0
"""When messages come back whose outcome nobody knows."""


class _Attributes(msgspec.Struct, frozen=True):
    ApproximateReceiveCount: str = "1"

    @property
    def receives(self) -> int:
        return int(self.ApproximateReceiveCount)


class _Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message, as far as it is looked at here."""

    message_id: str
    receipt_handle: str = ""
    body: str = ""
    attributes: _Attributes = _Attributes()


class _Event(msgspec.Struct, frozen=True):
    Records: list[_Message]


Settle = Callable[[Mapping[str, int]], Mapping[str, float]]
"""From messages (the ids of jobs, say) and how often they were received, to the seconds after which
those that are not done with come back."""
Hide = Callable[[Mapping[str, float]], None]
"""Hides messages, by their receipt handles, for so many seconds."""
LayAside = Callable[[str, str], None]
"""Takes a message that nobody can read, and the reason."""


def letting_go(route: str) -> LayAside:
    """Drops what is no message of ours: nobody's job is in it. The log tells of it by the route."""

    def drop(_message: str, reason: str) -> None:
        log_error(FaultError(reason), request_id="", route=route)

    return drop


class NotSettledError(FaultError):
    """The message of a job comes back; that is how the processor is told."""


def serve_queue(
    event: dict[str, Any],
    context: Any,
    *,
    settle: Settle,
    hide: Hide,
    lay_aside: LayAside,
    ours: Callable[[str], object] = is_job_id,
) -> PartialItemFailureResponse:
    """Settle the jobs that an event names, and tell SQS which messages come back.

    Of several messages that say the same, one comes back where it has to.

    Args:
        event: As SQS hands it over.
        context: Lambda's.
        settle: Does the work; what it raises sends everything back.
        hide: Sets the pause of what comes back.
        lay_aside: Takes what is no message of ours.
        ours: Whether a message is one: the id of a job, and nothing else, unless this says so.
    """
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    messages = msgspec.convert(event, _Event).Records
    known: dict[str, _Message] = {}
    strangers = []
    for message in messages:
        if ours(message.body):
            known.setdefault(message.body, message)
        else:
            strangers.append(message)
    back = _laid_aside(strangers, lay_aside)
    back |= _settled(known, settle)
    _hidden(messages, back, hide)

    def outcome(record: SQSRecord) -> None:
        if record.message_id in back:
            raise NotSettledError("the job is not settled yet")

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(
        event=event, record_handler=outcome, processor=processor, context=context
    )


def _laid_aside(strangers: Iterable[_Message], lay_aside: LayAside) -> dict[str, float]:
    """Lay aside what names no job; what cannot be laid aside comes back."""
    back: dict[str, float] = {}
    for message in strangers:
        try:
            lay_aside(message.body, "the message is not the id of a job")
        except Exception as error:
            log_error(error, request_id=message.message_id, route="queue")
            back[message.message_id] = UNSETTLED_SECONDS
    return back


def _settled(known: Mapping[str, _Message], settle: Settle) -> dict[str, float]:
    """Message id to the seconds after which it comes back, of those that do."""
    if not known:
        return {}
    try:
        again = settle({job_id: m.attributes.receives for job_id, m in known.items()})
    except Exception as error:
        log_error(error, request_id=next(iter(known)), route="queue")
        again = dict.fromkeys(known, UNSETTLED_SECONDS)
    return {known[job_id].message_id: seconds for job_id, seconds in again.items()}


def _hidden(messages: Iterable[_Message], back: Mapping[str, float], hide: Hide) -> None:
    """Set the pauses; where that fails, the queue's own time applies."""
    pauses = {m.receipt_handle: back[m.message_id] for m in messages if m.message_id in back}
    if not pauses:
        return
    try:
        hide(pauses)
    except Exception as error:
        log_error(error, request_id="", route="queue")
