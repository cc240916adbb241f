"""The sections `retire` and `retrain` of a model spec: what goes, and what is made anew."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Cause(StrEnum):
    """What a training can be started for by the monitoring."""

    DRIFT = "drift"
    ACCURACY = "accuracy"


class Retirement(_Part, frozen=True, kw_only=True):
    """When a version goes that is neither champion nor last good one; those two never do.

    Attributes:
        unused_days: Days without a request after which it goes; None for never.
        beaten: Whether it goes once labels prove it worse than the champion.
        expired_days: Age in days, from when it was registered, at which it goes; None for never.
        min_labels: Labelled rows of each below which nothing is said about who is better.
        chance: Probability, at each look, that one is called worse which is not. It is looked
            again and again, so this is far below what one look would have.
        grace_hours: How long its server stays after nobody is sent to it any more, and its
            artifact after that.
    """

    unused_days: Annotated[float, Meta(gt=0, le=3660)] | None = None
    beaten: bool = False
    expired_days: Annotated[float, Meta(gt=0, le=3660)] | None = None
    min_labels: Annotated[int, Meta(ge=10)] = 50
    chance: Annotated[float, Meta(gt=0, lt=0.5)] = 0.001
    grace_hours: Annotated[float, Meta(ge=0, le=24 * 366)] = 24.0


class Retraining(_Part, frozen=True, kw_only=True):
    """Whether the monitoring's alarms start a training with the data that is there then.

    Attributes:
        on: Which alarms do.
        at_most_every_hours: The shortest time between two that alarms start.
        add_labelled: Whether rows that were predicted, and labelled since, are trained on too.
            Not where a column is personal: the prediction log has no such rows.
        labelled_days: How many days of the prediction log they come from, today included.
    """

    on: list[Cause] = []
    at_most_every_hours: Annotated[float, Meta(gt=0, le=24 * 366)] = 24.0
    add_labelled: bool = False
    labelled_days: Annotated[int, Meta(ge=1, le=366)] = 30
