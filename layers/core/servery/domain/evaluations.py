"""What a served version is worth by the labels that came, and how often it is asked."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Compared(StrEnum):
    """How two versions were compared.

    paired: on the same rows, which a shadow was asked too. apart: each on its own rows.
    """

    PAIRED = "paired"
    APART = "apart"


class Against(_Record, frozen=True, kw_only=True):
    """A version beside the champion, over the same time.

    Attributes:
        version: The champion.
        how: paired or apart.
        rows: Labelled rows of the version.
        champion_rows: Labelled rows of the champion; paired, they are the same.
        difference: By how much the version's score is above the champion's (accuracy, r2), or its
            error (rmse, mae); in the unit of the score.
        low: Lower end of what that may be in truth, by `confidence`.
        high: Upper end.
        confidence: Probability that the interval covers it.
        worse: Whether it is worse for certain: the interval is wholly on the wrong side of zero.
        better: Whether it is better for certain.
    """

    version: str
    how: Compared
    rows: int
    champion_rows: int
    difference: float
    low: float
    high: float
    confidence: float
    worse: bool = False
    better: bool = False


class Evaluation(_Record, frozen=True, kw_only=True):
    """One version of one model, as the lake knows it.

    Attributes:
        model: Name of the model.
        version: Which version.
        at: When it was evaluated, ISO 8601, UTC.
        metric: accuracy, rmse, mae or r2.
        days: How many days of the lake were read, today included.
        requests: Requests in them that it was to answer.
        rows: Labelled rows of those that it answered itself.
        score: By the metric; None without labels.
        low: Lower end of what the score may be in truth, with 95 % confidence; None where there
            is too little for an interval.
        high: Upper end.
        since: Request of the first of those rows, ISO 8601; empty without labels.
        until: Request of the last one.
        asked: Last request that there ever was in the log; empty for none.
        watched: Since when the log was looked through without a gap, so that no request after it
            can have been missed.
        sampled: Whether the log has a sample of the requests only, so that it proves nobody
            unused.
        against: The champion over the same time; None for the champion, and without labels of
            both.
        cut: Whether there were more labels than are read; those of the newest days were, and those
            that name the model before those that name none.
    """

    model: str
    version: str
    at: str
    metric: str
    days: int
    requests: int = 0
    rows: int = 0
    score: float | None = None
    low: float | None = None
    high: float | None = None
    since: str = ""
    until: str = ""
    asked: str = ""
    watched: str = ""
    sampled: bool = False
    against: Against | None = None
    cut: bool = False
