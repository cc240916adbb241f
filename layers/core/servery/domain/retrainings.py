"""Trainings that alarms start: which do, and what became of each alarm."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from servery.domain.keeping_rules import Cause

CAUSES = {
    "input_drift": Cause.DRIFT,
    "prediction_drift": Cause.DRIFT,
    "accuracy": Cause.ACCURACY,
}
"""Kind of an alarm to what a spec calls it; other kinds start no training."""


class Decision(StrEnum):
    """What was done about an alarm.

    started: a training. unwanted: the spec does not want one for such an alarm. limited: another
    one was started too short a time ago. busy: a training or a release is under way.
    """

    STARTED = "started"
    UNWANTED = "unwanted"
    LIMITED = "limited"
    BUSY = "busy"


class Retrained(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one alarm.

    Attributes:
        model: Name of the model.
        alarm: Its identity; an alarm that is told twice is one.
        at: When it was decided, ISO 8601, UTC.
        kind: Of the alarm.
        subject: What it is about: a feature, a class.
        said: Its sentence.
        decision: What was done.
        because: Why, one sentence.
        training_id: The training that was started.
    """

    model: str
    alarm: str
    at: str
    kind: str
    subject: str
    said: str
    decision: Decision
    because: str
    training_id: str = ""
