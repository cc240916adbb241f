"""Tells EventBridge of versions that are retired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.event_bus import put_event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from servery.domain.retirements import RetiredVersion

SOURCE = "servery.registry"
DETAIL_TYPE = "Version retired"


class EventBridgeRetirementEvents:
    """Puts an event for each stage of a retirement on the default bus.

    Args:
        client: Client of EventBridge.
    """

    def __init__(self, client: EventBridgeClient) -> None:
        self._client = client

    def retired(self, record: RetiredVersion) -> None:
        """A retirement has come to another stage.

        Raises:
            UnavailableError: the bus did not take it.
        """
        detail = {
            "model": record.model,
            "version": record.version,
            "stage": record.stage,
            "why": record.why,
            "because": record.because,
            "by": record.by,
        }
        put_event(self._client, SOURCE, DETAIL_TYPE, detail)
