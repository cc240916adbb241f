"""How a release goes on: its steps, its end, and when it counts as given up."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_records import ReleaseRecord, ReleaseState, ReleaseStep

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment

LEASE_SECONDS = 900.0
"""How long a release may go without a sign of life; its lease lasts as long, from each step on."""
GRACE_SECONDS = 300.0
"""How long a server is kept after the last caller can have been sent to it."""
PUBLISH_LEASE = "predictor"
"""The lease on the one configuration through which every model server is published."""


def release_lease(model: str) -> str:
    """Name of the lease that a change of the deployment of a model holds."""
    return f"release/{model}"


def release_id(now: datetime, entropy: str) -> str:
    """An id that sorts by time: `20260301T120000123456-` and a few random characters."""
    return f"{now:%Y%m%dT%H%M%S%f}-{entropy}"


def did(record: ReleaseRecord, name: str, *, now: datetime, detail: str = "") -> ReleaseRecord:
    """The record with one more step."""
    step = ReleaseStep(name=name, at=now.isoformat(), detail=detail)
    return msgspec.structs.replace(record, steps=[*record.steps, step])


def ended(record: ReleaseRecord, *, now: datetime, reason: str = "") -> ReleaseRecord:
    """The record of a release that has succeeded, or has failed for a reason."""
    state = ReleaseState.FAILED if reason else ReleaseState.SUCCEEDED
    return msgspec.structs.replace(record, state=state, reason=reason, finished=now.isoformat())


def seen_at(record: ReleaseRecord, now: datetime) -> ReleaseRecord:
    """The record as a reader sees it: one that gave no sign of life for long has failed."""
    if record.state is not ReleaseState.RUNNING:
        return record
    last = max(record.alive, record.steps[-1].at if record.steps else record.started)
    if (now - datetime.fromisoformat(last)).total_seconds() < LEASE_SECONDS:
        return record
    after = f"after {record.steps[-1].name}" if record.steps else "before its first step"
    return ended(record, now=now, reason=f"it stopped {after} and did not come back")


def is_crowned(record: ReleaseRecord, deployment: Deployment | None) -> bool:
    """Whether the version of a release answers from the server that the release gave it."""
    if deployment is None or record.server is None:
        return False
    return deployment.reason == f"{record.kind} {record.id}" or (
        deployment.champion.server == record.server
        and deployment.champion.ref.version == record.production
    )
