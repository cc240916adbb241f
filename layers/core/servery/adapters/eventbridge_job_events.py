"""Tells EventBridge which jobs are over; what they asked and were answered stays out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from servery.domain.jobs import Job

SOURCE = "servery.jobs"
DETAIL_TYPE = "Job finished"
MOST_ENTRIES = 10  # limit of PutEvents


class EventBridgeJobEvents:
    """Puts one event per job on the default bus.

    Args:
        client: Client of EventBridge.
        bucket: The exchange bucket, for the address of a result that is kept there.
    """

    def __init__(self, client: EventBridgeClient, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def publish(self, jobs: Sequence[Job]) -> None:
        """Tell of jobs that are over.

        Raises:
            UnavailableError: the bus did not take all of them.
        """
        for first in range(0, len(jobs), MOST_ENTRIES):
            some = jobs[first : first + MOST_ENTRIES]
            with aws_errors("telling the event bus"):
                answer = self._client.put_events(Entries=[self._entry(job) for job in some])
            if answer.get("FailedEntryCount"):
                raise UnavailableError("the event bus did not take every event")

    def _entry(self, job: Job) -> PutEventsRequestEntryTypeDef:
        detail = {
            "job": job.id,
            "model": job.model,
            "model_version": job.model_version,
            "state": job.state,
            "status": job.status,
            "tries": job.tries,
            "request_id": job.request_id,
            "stage": job.stage,
            "created": job.created,
            "finished": job.finished,
            "href": f"/jobs/{job.id}",
            "result_uri": f"s3://{self._bucket}/{job.result_key}" if job.result_key else "",
        }
        return {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": msgspec.json.encode(detail).decode(),
        }
