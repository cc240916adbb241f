"""The judgement of a version beside the champion, of what both did in the same time."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What evidence says; unknown: too little of it so far."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Aspect(StrEnum):
    """What a version is judged by."""

    ERRORS = "errors"
    LATENCY = "latency"
    DRIFT = "drift"
    QUALITY = "quality"
    DISAGREEMENT = "disagreement"


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a version is judged by.

    Attributes:
        name: errors, latency, drift, quality or disagreement.
        candidate: The figure of the version; None where there is none.
        champion: The figure of the champion in the same time; None where there is none, and
            where the figure is one of both together.
        bound: What the figure of the version may be at the most (of accuracy: at the least).
        verdict: Whether it keeps to the bound; unknown where nobody can say.
        p: How often chance alone would break the bound as far; None where nothing was tested.
    """

    name: Aspect
    candidate: float | None = None
    champion: float | None = None
    bound: float
    verdict: Verdict
    p: float | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a version's evidence comes to.

    Attributes:
        verdict: fail as soon as one measure fails; pass when none does and there is enough of
            what it is judged by; unknown before.
        said: The same in a sentence, for a person.
        requests: Requests of the version.
        champion_requests: Requests of the champion in the same time.
        measures: One by one.
    """

    verdict: Verdict
    said: str
    requests: int
    champion_requests: int
    measures: list[Measure] = []
