"""Judges a version by what the lake has of it and of the champion in the same time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from servery.domain.judging import Judgement, Verdict
from servery.domain.rollout import RolloutStage
from servery.domain.verdicts import judged
from servery.usecases.release.evidence import gather
from servery.usecases.release.lake_window import Window

if TYPE_CHECKING:
    from datetime import datetime

    from servery.domain.deployment import Deployment
    from servery.domain.release_rules import Judging
    from servery.ports import Clock, LakeTables

READ_SECONDS = 20.0
"""How long a judgement reads; what is older is left out then."""


def judge(
    deployment: Deployment,
    rules: Judging,
    *,
    since: datetime,
    until: datetime,
    lake: LakeTables,
    clock: Clock,
    final: bool = True,
    seconds: float = READ_SECONDS,
) -> Judgement:
    """The judgement of the version that a release is bringing to its traffic.

    Lines reach the lake a while after their requests: until enough are there it is unknown.

    Args:
        deployment: As it was in that time: who is the champion, and what is being rolled out.
        rules: What the version is judged by.
        since: Requests from then on count.
        until: Those from then on do not.
        lake: The prediction log, what shadows said, and labels.
        clock: What the time to read goes by.
        final: Whether the stage's time is over. Before, nothing passes, and only what is beyond
            doubt fails, so it may be asked again and again.
        seconds: How long it may read.

    Raises:
        RetryableError: the lake does not answer.
        FaultError: it may not be read.
    """
    rollout = deployment.rollout
    if rollout is None:
        said = "nothing is being released"
        return Judgement(verdict=Verdict.UNKNOWN, said=said, requests=0, champion_requests=0)
    # What a shadow said is read last, and must not be left without time.
    first = seconds / 2 if rollout.stage is RolloutStage.SHADOW else seconds
    answered = Window(since, until, _spare(clock, first))
    copied = Window(since, until, _spare(clock, seconds))
    sides = gather(deployment, rollout, lake, answered, copied)
    return judged(sides.candidate, sides.champion, rules, final=final)


def _spare(clock: Clock, seconds: float) -> Callable[[], bool]:
    over = clock.now() + timedelta(seconds=seconds)
    return lambda: clock.now() < over
