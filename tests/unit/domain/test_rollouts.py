"""What a rollout does to a deployment, and what ends it."""

from __future__ import annotations

import pytest
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.candidates import add_candidate, retire_candidate
from servery.domain.deployment import Deployment, Retired, Served, crown, roll_back
from servery.domain.policies import Policies, RoutingPolicy, Shadow
from servery.domain.rollout import Rollout, RolloutStage
from servery.domain.rollouts import rolled_out, with_rollout, without_rollout
from servery.errors import ConflictError

NEW = "2.1.0-d1.s1"


def served(version: int, server: int) -> Served:
    return Served(ref=a_ref(f"{version}.1.0-d1.s1"), server=a_server(server))


def a_rollout(share: float = 0.1, release: str = "r1", version: str = NEW) -> Rollout:
    stage = RolloutStage.CANARY
    return Rollout(
        release=release, version=version, stage=stage, share=share, since="2026-03-01T12:00:00Z"
    )


def with_candidate(**changes: object) -> Deployment:
    return add_candidate(a_deployment(**changes), served(2, 2), now=1.0, reason="")


def under_way(**changes: object) -> Deployment:
    return with_rollout(with_candidate(**changes), a_rollout(), now=2.0, reason="canary")


def test_the_version_has_a_share_when_a_rollout_begins():
    before = with_candidate()
    after = with_rollout(before, a_rollout(), now=2.0, reason="canary 10 %")
    assert (after.rollout, after.revision) == (a_rollout(), before.revision + 1)
    assert after.reason == "canary 10 %"
    assert rolled_out(after) == served(2, 2)
    assert rolled_out(before) is None


def test_the_share_grows_when_the_same_release_goes_on():
    after = with_rollout(under_way(), a_rollout(0.5), now=3.0, reason="")
    assert after.rollout == a_rollout(0.5)


def test_conflict_when_another_release_has_a_rollout():
    with pytest.raises(ConflictError, match="release r1 is bringing"):
        with_rollout(under_way(), a_rollout(release="r2"), now=3.0, reason="")


def test_conflict_when_the_version_is_no_candidate():
    with pytest.raises(ConflictError, match="no candidate of iris"):
        with_rollout(a_deployment(), a_rollout(), now=3.0, reason="")


def test_version_and_rollout_go_together_when_it_ends():
    before = under_way()
    after = without_rollout(before, now=4.0, reason="rolled back")
    assert (after.rollout, after.candidates) == (None, [])
    assert after.revision == before.revision + 1
    assert after.retired == [Retired(server=a_server(2), since=4.0)]
    assert after.champion == before.champion


def test_the_version_stays_a_candidate_when_it_is_to_be_kept():
    after = without_rollout(under_way(), now=4.0, reason="", keep=True)
    assert (after.rollout, after.candidates) == (None, [served(2, 2)])


def test_the_version_stays_a_candidate_when_a_policy_names_it():
    routing = RoutingPolicy(shadow=Shadow(version=NEW, share=0.5))
    after = without_rollout(
        under_way(policies=Policies(routing=routing)), now=4.0, reason="rolled back"
    )
    assert (after.rollout, after.candidates) == (None, [served(2, 2)])


def test_nothing_changes_when_there_is_no_rollout_to_end():
    before = with_candidate()
    assert without_rollout(before, now=4.0, reason="") is before


def test_the_rollout_is_over_when_its_version_is_crowned():
    after = crown(under_way(), served(2, 2), now=5.0, reason="champion")
    assert (after.champion, after.rollout, after.candidates) == (served(2, 2), None, [])


def test_the_rollout_is_over_when_the_deployment_is_rolled_back():
    after = roll_back(under_way(last_good=served(7, 7)), reason="wrong")
    assert (after.champion, after.rollout) == (served(7, 7), None)
    assert after.candidates == [served(2, 2)]


def test_conflict_when_the_version_of_a_rollout_is_retired():
    with pytest.raises(ConflictError, match="servery release abort iris"):
        retire_candidate(under_way(), NEW, now=5.0, reason="")


def test_another_candidate_is_retired_when_a_rollout_is_under_way():
    before = add_candidate(under_way(), served(3, 3), now=3.0, reason="")
    after = retire_candidate(before, "3.1.0-d1.s1", now=5.0, reason="")
    assert (after.candidates, after.rollout) == ([served(2, 2)], a_rollout())
