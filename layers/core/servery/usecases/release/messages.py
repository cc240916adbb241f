"""What the states of a release hand on; the record of the release holds everything else."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Do(StrEnum):
    """What a state asks its function to do; run: a candidate or a roll, whole."""

    RUN = "run"
    BEGIN = "begin"
    ASK = "ask"
    PUT_UP = "put_up"
    START_STAGE = "start_stage"
    CROWN = "crown"
    RETIRE = "retire"
    ROLL_BACK = "roll_back"


class Then(StrEnum):
    """Where a release goes on."""

    GATE = "gate"
    ASK = "ask"
    PUT_UP = "put_up"
    STAGE = "stage"
    WAIT = "wait"
    CROWN = "crown"
    RETIRE = "retire"
    ROLL_BACK = "roll_back"
    ENDED = "ended"
    FAULT = "fault"


class Caught(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a Catch leaves: the name of the error and its cause."""

    error: str
    cause: str = ""


class StateEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One state of one release.

    Attributes:
        model: Name of the model.
        release: Id of the release.
        do: What is to be done, of a function that serves several states.
        execution: ARN of the execution.
        token: By what the execution is told to go on (ask only).
        error: What ended the state before (roll_back only).
    """

    model: str
    release: str
    do: Do = Do.RUN
    execution: str = ""
    token: str = ""
    error: Caught | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a release is; the whole state of the execution.

    Attributes:
        model: Name of the model.
        release: Id of the release.
        then: Where it goes on.
        seconds: How long that is waited for; 0 where nothing is.
        said: How it ended, in a sentence (ended and fault only).
    """

    model: str
    release: str
    then: Then
    seconds: int = 0
    said: str = ""
