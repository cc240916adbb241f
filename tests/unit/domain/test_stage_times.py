from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.release_rules import CanaryStep, Judging, ReleaseRules, ShadowStage
from servery.domain.release_stages import (
    LONGEST_LOOK,
    MOST_SECONDS,
    SHORTEST_LOOK,
    Stage,
    next_look,
    planned,
    stage_violations,
)
from servery.domain.releases import LEASE_SECONDS
from servery.domain.rollout import RolloutStage

EVENTS, STATE_TASK_SECONDS = 25_000, 310
"""What the history of an execution can hold, and how long a look may take."""
EVENTS_OF_A_LOOK = 9
"""Wait and Choice are entered and left; a task is scheduled, started and has succeeded besides."""
EVENTS_OF_THE_REST = 100
FEW_RETRIES = 1.1
STEPS = 11


def rules(count: int, seconds: int, patience: int) -> ReleaseRules:
    """A shadow and as many steps as there can be, each of the same length."""
    steps = [CanaryStep(share=n / 20, seconds=seconds) for n in range(1, count)]
    return ReleaseRules(
        shadow=ShadowStage(seconds=seconds), canary=steps, judging=Judging(patience_s=patience)
    )


def looks(stage: Stage, patience: int) -> int:
    """How often a stage is looked at whose evidence never suffices."""
    elapsed, count = 0.0, 0
    while elapsed < stage.seconds + patience:
        elapsed += next_look(stage, elapsed)
        count += 1
    return count


@pytest.mark.parametrize("count", [1, 2, STEPS])
@pytest.mark.parametrize("portion", [0.0, 0.5, 1.0], ids=["patience", "half", "time"])
def test_history_holds_every_look_when_stages_are_as_long_as_they_may(count, portion):
    whole = MOST_SECONDS // count
    seconds = max(1, int(whole * portion))
    longest = rules(count, seconds, whole - seconds)
    assert stage_violations(longest) == []
    total = sum(looks(stage, longest.judging.patience_s) for stage in planned(longest))
    assert total * EVENTS_OF_A_LOOK * FEW_RETRIES + EVENTS_OF_THE_REST < EVENTS


@given(st.integers(1, MOST_SECONDS), st.floats(0, 2 * MOST_SECONDS))
def test_each_look_comes_before_the_lease_is_over(seconds, elapsed):
    pause = next_look(Stage(stage=RolloutStage.CANARY, share=0.1, seconds=seconds), elapsed)
    assert 1 <= pause <= LONGEST_LOOK
    assert pause + STATE_TASK_SECONDS < LEASE_SECONDS


def test_stage_is_judged_at_its_end_when_that_is_near():
    stage = Stage(stage=RolloutStage.SHADOW, share=1.0, seconds=60)
    assert next_look(stage, 0) == SHORTEST_LOOK
    assert next_look(stage, 57.2) == 3
    assert next_look(stage, 60) == SHORTEST_LOOK


def test_it_is_looked_at_more_rarely_when_evidence_does_not_come():
    stage = Stage(stage=RolloutStage.SHADOW, share=1.0, seconds=60)
    assert next_look(stage, 3600) == 180
    assert next_look(stage, 86_400) == LONGEST_LOOK


def test_stages_are_refused_when_they_take_longer_than_an_execution_can_tell():
    (found,) = stage_violations(rules(2, 86_400, 3 * 86_400))
    assert found.field == "release"
    assert f"{8 * 86_400} s" in found.message


@pytest.mark.parametrize(("shares", "place"), [((0.2, 0.2), 1), ((0.1, 0.5, 0.3), 2)])
def test_steps_are_refused_when_shares_do_not_rise(shares, place):
    found = stage_violations(ReleaseRules(canary=[CanaryStep(share=share) for share in shares]))
    assert [v.field for v in found] == [f"release.canary[{place}].share"]
