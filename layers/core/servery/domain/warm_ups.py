"""The warm-up of a cache: rows that were asked before are predicted before they are asked again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

LONGEST_DAYS = 90
RUNNING_SECONDS = 900
"""How long one may run; whoever says later that he runs has broken off."""

Origin = Literal["lake", "batch"]


class WarmUpState(StrEnum):
    """Where a warm-up is; `stopped` is one that ran out of time, and the next one goes on."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Coverage(_Record, frozen=True, kw_only=True):
    """How much of what was asked before the cache answers now.

    Attributes:
        rows: Share of the distinct rows, 0 to 1.
        asked: The same by how often each was asked.
    """

    rows: float = 0.0
    asked: float = 0.0


class WarmUp(_Record, frozen=True, kw_only=True):
    """One warm-up.

    Attributes:
        id: Unique.
        model: Whose cache.
        origin: Where the rows come from.
        days: How many days of the prediction log (lake).
        batch: Whose file (batch).
        version: The version that answers.
        generation: Of the cache.
        state: Where it is.
        created: ISO 8601, UTC.
        updated: ISO 8601, UTC.
        until: When it has broken off if it still says that it runs, seconds since the epoch.
        read: Requests of the log, or rows of the file, that were read.
        unread: Of them those that no model could have answered from a cache.
        distinct: Distinct rows.
        left_out: Rows beyond the most that are looked at.
        displaced: Distinct rows whose place is taken by one that is asked more often.
        known: Rows that the cache had.
        predicted: Rows that it was given.
        refused: Rows that the model would not answer.
        coverage: What the cache answers now, and did before.
        before: See `coverage`.
        reason: Why it stopped or failed; a sentence.
    """

    id: str
    model: str
    origin: Origin
    days: int = 0
    batch: str = ""
    version: str
    generation: int = 0
    state: WarmUpState = WarmUpState.RUNNING
    created: str
    updated: str
    until: float
    read: int = 0
    unread: int = 0
    distinct: int = 0
    left_out: int = 0
    displaced: int = 0
    known: int = 0
    predicted: int = 0
    refused: int = 0
    coverage: Coverage = Coverage()
    before: Coverage = Coverage()
    reason: str = ""


class WarmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be warmed, and from what.

    Attributes:
        origin: The prediction log in the lake, or the file of a batch.
        days: How many days of the log, today's included.
        batch: Id of the batch.
        version: Whose answers, among the versions that are served; the champion's without. Of a
            candidate they are there before it is released.
    """

    origin: Origin = msgspec.field(name="from", default="lake")
    days: Annotated[int, Meta(ge=1, le=LONGEST_DAYS)] = 7
    batch: Annotated[str, Meta(max_length=100)] = ""
    version: Annotated[str, Meta(max_length=100)] = ""


def as_seen(warm_up: WarmUp, now: float) -> WarmUp:
    """The same; one that has broken off is told as failed."""
    if warm_up.state is not WarmUpState.RUNNING or now < warm_up.until:
        return warm_up
    reason = "it broke off; the next one goes on where it was"
    return msgspec.structs.replace(warm_up, state=WarmUpState.FAILED, reason=reason)
