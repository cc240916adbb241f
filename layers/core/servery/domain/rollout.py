"""A rollout: the version that a release brings to its traffic, and how much of it it has so far."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b

import msgspec


class RolloutStage(StrEnum):
    """How far a rollout is: the version is only compared, or answers a share."""

    SHADOW = "shadow"
    CANARY = "canary"


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a deployment record while a release is under way.

    Attributes:
        release: Id of the release.
        version: Which version; it is served as a candidate meanwhile.
        stage: shadow or canary.
        share: Of the requests that the champion would answer: that are copied (shadow), or that
            the version answers (canary). 0 where it only waits.
        since: When stage and share were set, ISO 8601, UTC.
    """

    release: str
    version: str
    stage: RolloutStage
    share: float
    since: str


def in_canary(request_id: str, share: float) -> bool:
    """Whether a request is among the share that a canary answers; the same for its id.

    A request in a share is in every larger one too, so a step only adds requests.
    """
    drawn = blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=7, person=b"canary")
    return int.from_bytes(drawn.digest()) < share * 2**56
