"""One event on the default bus of EventBridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef


def put_event(
    client: EventBridgeClient, source: str, kind: str, detail: Mapping[str, object]
) -> None:
    """Put an event on the default bus.

    Args:
        client: Client of EventBridge.
        source: Which room tells, `servery.batch`.
        kind: What of: the detail type.
        detail: What it says, plain values.

    Raises:
        UnavailableError: the bus did not take it.
    """
    entry: PutEventsRequestEntryTypeDef = {
        "Source": source,
        "DetailType": kind,
        "Detail": msgspec.json.encode(detail).decode(),
    }
    with aws_errors("telling the event bus"):
        answer = client.put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        raise UnavailableError("the event bus did not take the event")
