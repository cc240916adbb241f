"""Tells EventBridge which batches are over; rows stay out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.event_bus import put_event
from servery.domain.batches import MANIFEST, BatchState, outbox

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from servery.domain.batches import Batch

SOURCE = "servery.batch"
DETAIL_TYPE = "Batch finished"


class EventBridgeBatchEvents:
    """Puts one event per batch on the default bus.

    Args:
        client: Client of EventBridge.
        bucket: The exchange bucket, for the addresses of what a batch leaves there.
    """

    def __init__(self, client: EventBridgeClient, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def publish(self, batch: Batch) -> None:
        """Tell of a batch that is over.

        Raises:
            UnavailableError: the bus did not take the event.
        """
        put_event(self._client, SOURCE, DETAIL_TYPE, self._detail(batch))

    def _detail(self, batch: Batch) -> dict[str, object]:
        good = batch.state is BatchState.SUCCEEDED
        where = f"s3://{self._bucket}/{outbox(batch)}"
        return {
            "batch": batch.id,
            "run": batch.run,
            "model": batch.model,
            "model_version": "" if batch.ref is None else batch.ref.version,
            "state": batch.state,
            "origin": batch.origin,
            "source": batch.source.uri,
            "rows_in": batch.rows_in,
            "rows_out": batch.rows_out,
            "rows_rejected": batch.rows_rejected,
            "chunks": batch.chunks,
            "stale_model": batch.stale_model,
            "same_as": batch.same_as,
            "created": batch.created,
            "started": batch.started,
            "finished": batch.finished,
            "href": f"/batches/{batch.id}",
            "outputs": where if good else "",
            "manifest": f"{where}{MANIFEST}" if good else "",
        }
