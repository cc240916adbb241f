"""What a release goes by: what the gate found, who approved it, how its stages were judged."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from servery.domain.judging import Judgement
from servery.domain.rollout import RolloutStage


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Check(StrEnum):
    """What the gate of a release looks at.

    accountability: an owner, units, a log, a production metric. export: the proof that the file
    answers as the pipeline did. bounds: the metric against the gates of the spec. latency and
    size: the budget there. signature: what callers would notice. champion: the metric against
    the champion's on the same held-out rows.
    """

    ACCOUNTABILITY = "accountability"
    EXPORT = "export"
    BOUNDS = "bounds"
    LATENCY = "latency"
    SIZE = "size"
    SIGNATURE = "signature"
    CHAMPION = "champion"


class Verdict(StrEnum):
    """What a check of the gate says; approve: it passes only where a person approves it."""

    PASSED = "passed"
    REFUSED = "refused"
    APPROVE = "approve"
    NOT_COMPARED = "not_compared"


class GateFinding(_Record, frozen=True, kw_only=True):
    """What the gate found about one thing.

    Attributes:
        check: What was looked at.
        verdict: passed, refused, approve or not_compared.
        said: A sentence, with the figures.
        value: The version's figure, where there is one.
        champion: The champion's, where there is one.
        bound: What it was held against.
    """

    check: Check
    verdict: Verdict
    said: str
    value: float | None = None
    champion: float | None = None
    bound: float | None = None


class Decision(StrEnum):
    """How an approval ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"


class ApprovalRecord(_Record, frozen=True, kw_only=True):
    """A person's approval: asked for, and given or not.

    Attributes:
        why: Sentences: what it is needed for.
        asked: ISO 8601, UTC.
        until: ISO 8601, UTC; without an answer by then the release is declined.
        answered: ISO 8601, UTC; empty as long as nobody has.
        decision: approved, declined or expired; None as long as nobody has answered.
        comment: What was said with the decision.
    """

    why: list[str]
    asked: str
    until: str
    answered: str = ""
    decision: Decision | None = None
    comment: str = ""


class StageJudgement(_Record, frozen=True, kw_only=True):
    """How one stage of a rollout was judged.

    Attributes:
        stage: shadow or canary.
        share: Of the requests.
        at: ISO 8601, UTC.
        judgement: What the evidence came to.
    """

    stage: RolloutStage
    share: float
    at: str
    judgement: Judgement
