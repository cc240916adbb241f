"""Tells EventBridge of the alarms of models, for whatever acts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.domain.watching import AlarmState
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from servery.domain.watch_records import Notice, Telling

SOURCE = "servery.monitoring"
DETAIL_TYPE = "Model alarm"
CLOSED_DETAIL_TYPE = "Model alarm closed"
_AT_ONCE = 10


class EventBridgeAlarmEvents:
    """Puts one event for each alarm on the default bus.

    An alarm that is closed has a detail type of its own, so that nothing which acts on alarms
    acts on their end.

    Args:
        client: Client of EventBridge.
    """

    name = "bus"

    def __init__(self, client: EventBridgeClient) -> None:
        self._client = client

    def tell(self, telling: Telling) -> None:
        """Put the events.

        Raises:
            UnavailableError: the bus did not take all of them; those that it took may come again.
        """
        failed = 0
        for some in _portions(telling.notices):
            with aws_errors("telling the event bus"):
                answer = self._client.put_events(Entries=[_entry(notice) for notice in some])
            failed += answer.get("FailedEntryCount", 0)
        if failed:
            raise UnavailableError(f"the event bus did not take {failed} alarms")


def detail(notice: Notice) -> dict[str, object]:
    """What an event says; a contract with whoever listens."""
    return {
        "id": notice.id,
        "state": notice.state,
        "model": notice.model,
        "version": notice.version,
        "kind": notice.kind,
        "subject": notice.subject,
        "severity": notice.severity,
        "said": notice.said,
        "at": notice.at,
        "since": notice.since,
        "value": notice.value,
        "bound": notice.bound,
        "playbook": notice.playbook,
    }


def _entry(notice: Notice) -> PutEventsRequestEntryTypeDef:
    closed = notice.state is AlarmState.CLOSED
    return {
        "Source": SOURCE,
        "DetailType": CLOSED_DETAIL_TYPE if closed else DETAIL_TYPE,
        "Detail": msgspec.json.encode(detail(notice)).decode(),
    }


def _portions(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    for first in range(0, len(notices), _AT_ONCE):
        yield notices[first : first + _AT_ONCE]
