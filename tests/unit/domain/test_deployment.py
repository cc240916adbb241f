"""What a deployment may become, for every sequence of changes."""

from __future__ import annotations

import pytest
from fakes.records import a_deployment, a_ref, a_server
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.candidates import add_candidate, retire_candidate
from servery.domain.deployment import (
    Deployment,
    Retired,
    Served,
    crown,
    forget,
    renew,
    roll_back,
    servers_of,
)
from servery.domain.manifest import Part
from servery.domain.policies import Policies, RoutingPolicy
from servery.domain.serving import Limits
from servery.errors import ConflictError, InvalidInputError, NotFoundError


def served(version: int, server: int) -> Served:
    return Served(ref=a_ref(f"{version}.1.0-d1.s1"), server=a_server(server))


def names(deployment: Deployment) -> list[str]:
    return [r.server.function for r in deployment.retired]


def test_it_is_the_first_revision_when_nothing_was_released():
    first = crown(None, served(1, 1), now=5.0, reason="first")
    assert (first.revision, first.last_good, first.retired) == (1, None, [])
    assert first.model == "iris"
    assert first.reason == "first"


def test_the_old_champion_is_last_good_when_another_is_crowned():
    first = crown(None, served(1, 1), now=0, reason="")
    second = crown(first, served(2, 2), now=1, reason="")
    third = crown(second, served(3, 3), now=2, reason="third")
    assert (third.champion, third.last_good) == (served(3, 3), served(2, 2))
    assert third.retired == [Retired(server=a_server(1), since=2)]
    assert (third.revision, third.reason) == (3, "third")


def test_a_server_is_not_retired_when_it_still_serves():
    deployment = crown(None, served(1, 1), now=0, reason="")
    for version in (2, 3, 4):
        deployment = crown(deployment, served(version, 1), now=version, reason="")
    assert deployment.retired == []
    assert deployment.last_good == served(3, 1)


def test_it_is_no_longer_retired_when_it_serves_again():
    deployment = crown(None, served(1, 1), now=0, reason="")
    for version in (2, 3):
        deployment = crown(deployment, served(version, version), now=version, reason="")
    assert names(deployment) == ["predictor:1"]
    assert names(crown(deployment, served(1, 1), now=9, reason="")) == ["predictor:2"]


def test_the_way_back_stays_when_the_champion_only_gets_another_server():
    deployment = crown(None, served(1, 1), now=0, reason="")
    deployment = crown(deployment, served(2, 2), now=1, reason="")
    deployment = crown(deployment, served(2, 3), now=2, reason="")
    assert deployment.last_good == served(1, 1)
    assert names(deployment) == ["predictor:2"]


def test_settings_are_kept_when_another_is_crowned():
    before = a_deployment(deadline_ms=123, limits=Limits(max_rows=4), log_sample=0.1)
    after = crown(before, served(2, 2), now=1, reason="")
    assert (after.deadline_ms, after.limits, after.log_sample) == (123, Limits(max_rows=4), 0.1)


def test_champion_and_last_good_change_places_when_it_is_rolled_back():
    before = a_deployment(last_good=served(7, 7), retired=[Retired(server=a_server(3), since=1)])
    after = roll_back(before, reason="wrong")
    assert (after.champion, after.last_good) == (before.last_good, before.champion)
    assert (after.revision, after.reason, after.retired) == (2, "wrong", before.retired)


def test_conflict_when_there_is_nothing_to_go_back_to():
    with pytest.raises(ConflictError, match="nothing to go back to"):
        roll_back(a_deployment(), reason="")


def test_models_stay_and_servers_change_when_they_are_renewed():
    before = a_deployment(last_good=served(7, 7))
    after = renew(before, champion=a_server(8), last_good=a_server(9), now=4, reason="roll")
    assert (after.champion.ref, after.last_good.ref) == (before.champion.ref, served(7, 7).ref)
    assert (after.champion.server, after.last_good.server) == (a_server(8), a_server(9))
    assert after.retired == [
        Retired(server=a_server(1), since=4),
        Retired(server=a_server(7), since=4),
    ]


def test_last_good_stays_where_it_is_when_only_the_champion_is_renewed():
    before = a_deployment(last_good=served(7, 7))
    after = renew(before, champion=a_server(8), last_good=None, now=4, reason="roll")
    assert after.last_good == served(7, 7)
    assert names(after) == ["predictor:1"]


def test_only_those_within_the_grace_stay_when_time_goes_on():
    retired = [Retired(server=a_server(n), since=float(n)) for n in (1, 2, 3)]
    deployment = a_deployment(retired=retired)
    assert forget(deployment, now=12.0, grace=10.0).retired == retired[2:]
    assert forget(deployment, now=3.0, grace=10.0) == deployment


def test_who_serves_a_version_is_told_when_somebody_does():
    deployment = a_deployment(last_good=served(7, 7))
    assert deployment.served("7.1.0-d1.s1") == served(7, 7)
    assert deployment.served(deployment.champion.ref.version) == deployment.champion
    with pytest.raises(NotFoundError, match=r"served are 1\.1\.0-dabc1234\.sdef5678, 7\.1\.0"):
        deployment.served("8.1.0-d1.s1")


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("crown"), st.integers(1, 5), st.integers(1, 6)),
        st.tuples(st.just("back"), st.just(0), st.just(0)),
        st.tuples(st.just("renew"), st.integers(1, 6), st.integers(1, 6)),
        st.tuples(st.just("forget"), st.just(0), st.just(0)),
    ),
    max_size=20,
)


@given(CHANGES)
def test_no_server_is_lost_and_none_that_serves_is_retired_whatever_changes(changes):
    deployment = crown(None, served(1, 1), now=0, reason="")
    for now, (kind, one, other) in enumerate(changes, start=1):
        before = {server.function for server in servers_of(deployment)}
        revision = deployment.revision
        if kind == "crown":
            deployment = crown(deployment, served(one, other), now=now, reason="")
            before.add(f"predictor:{other}")
        elif kind == "renew":
            last = a_server(other) if deployment.last_good else None
            deployment = renew(
                deployment, champion=a_server(one), last_good=last, now=now, reason=""
            )
            before |= {f"predictor:{one}"} | ({f"predictor:{other}"} if last else set())
        elif kind == "back" and deployment.last_good is not None:
            deployment = roll_back(deployment, reason="")
        elif kind == "forget":
            deployment = forget(deployment, now=now, grace=3)
            assert all(now - r.since < 3 for r in deployment.retired)
            before &= {server.function for server in servers_of(deployment)}
        else:
            continue
        serving = {
            s.server.function for s in (deployment.champion, deployment.last_good) if s is not None
        }
        assert not serving & set(names(deployment))
        assert len(names(deployment)) == len(set(names(deployment)))
        assert {server.function for server in servers_of(deployment)} == before
        assert deployment.revision == revision + (kind != "forget")
        assert deployment.last_good is None or deployment.last_good.ref != deployment.champion.ref


class TestCandidates:
    def deployment(self, **changes):
        named = {"last_good": served(2, 2), "candidates": [served(3, 3)]} | changes
        return a_deployment(champion=served(1, 1), **named)

    def naming(self, version: int) -> Policies:
        return Policies(routing=RoutingPolicy(version=f"{version}.1.0-d1.s1"))

    def test_everybody_is_found_when_a_version_is_asked_for(self):
        deployment = self.deployment()
        assert [s.ref.version[0] for s in deployment.serving()] == ["1", "2", "3"]
        assert deployment.served("3.1.0-d1.s1") == served(3, 3)
        assert [server.function for server in servers_of(deployment)] == [
            "predictor:1",
            "predictor:2",
            "predictor:3",
        ]

    def test_candidates_and_policies_stay_when_another_is_crowned(self):
        before = self.deployment(policies=self.naming(3))
        after = crown(before, served(4, 4), now=1, reason="")
        assert (after.candidates, after.policies) == (before.candidates, before.policies)
        assert names(after) == ["predictor:2"]

    def test_a_candidate_is_none_any_more_when_it_is_crowned(self):
        after = crown(self.deployment(policies=self.naming(3)), served(3, 3), now=1, reason="")
        assert (after.champion, after.candidates) == (served(3, 3), [])
        assert names(after) == ["predictor:2"]

    def test_refused_with_the_way_out_when_a_policy_would_name_nobody(self):
        before = self.deployment(policies=self.naming(2))
        with pytest.raises(ConflictError, match=r"routing\.version of iris names 2.*--as candid"):
            crown(before, served(4, 4), now=1, reason="")
        kept = add_candidate(before, served(2, 2), now=1, reason="")
        assert crown(kept, served(4, 4), now=2, reason="").served("2.1.0-d1.s1") == served(2, 2)

    def test_all_are_served_as_before_when_it_is_rolled_back(self):
        before = self.deployment(candidates=[served(3, 3), served(2, 2)])
        after = roll_back(before, reason="")
        assert (after.champion, after.last_good) == (served(2, 2), served(1, 1))
        assert after.candidates == [served(3, 3)]

    def test_those_that_move_get_their_servers_when_they_are_renewed(self):
        before = self.deployment(candidates=[served(3, 3), served(4, 4)])
        after = renew(
            before,
            champion=a_server(8),
            last_good=None,
            candidates=[None, a_server(9)],
            now=4,
            reason="",
        )
        assert after.candidates == [served(3, 3), served(4, 9)]
        assert names(after) == ["predictor:1", "predictor:4"]

    def test_it_is_served_when_it_is_added(self):
        after = add_candidate(self.deployment(), served(4, 4), now=1, reason="stand")
        assert after.candidates == [served(3, 3), served(4, 4)]
        assert (after.revision, after.reason, after.retired) == (2, "stand", [])

    def test_it_is_replaced_in_its_place_when_it_gets_another_server(self):
        before = self.deployment(candidates=[served(3, 3), served(4, 4)])
        after = add_candidate(before, served(3, 9), now=1, reason="")
        assert after.candidates == [served(3, 9), served(4, 4)]
        assert names(after) == ["predictor:3"]

    def test_refused_when_it_is_the_champion(self):
        with pytest.raises(ConflictError, match="is the champion"):
            add_candidate(self.deployment(), served(1, 1), now=1, reason="")

    def test_refused_when_there_are_five(self):
        before = self.deployment(candidates=[served(n, n) for n in range(3, 8)])
        with pytest.raises(ConflictError, match=r"5 are the most: 3\.1.*servery retire"):
            add_candidate(before, served(8, 8), now=1, reason="")
        assert len(add_candidate(before, served(7, 9), now=1, reason="").candidates) == 5

    def test_refused_when_it_is_half_of_a_pair(self):
        half = Served(ref=a_ref("4.1.0-d1.s1", part=Part.PREDICTOR, pair="p"), server=a_server(4))
        with pytest.raises(InvalidInputError, match="predictor of a pair"):
            add_candidate(self.deployment(), half, now=1, reason="")

    def test_its_server_is_retired_when_it_is_taken_out(self):
        after = retire_candidate(self.deployment(), "3.1.0-d1.s1", now=7, reason="")
        assert after.candidates == []
        assert after.retired == [Retired(server=a_server(3), since=7)]

    def test_refused_when_a_policy_names_what_is_taken_out(self):
        before = self.deployment(policies=self.naming(3))
        with pytest.raises(ConflictError, match=r"routing\.version of iris names 3"):
            retire_candidate(before, "3.1.0-d1.s1", now=1, reason="")

    def test_taken_out_when_the_last_good_one_is_named(self):
        before = self.deployment(candidates=[served(2, 2)], policies=self.naming(2))
        assert retire_candidate(before, "2.1.0-d1.s1", now=1, reason="").candidates == []

    def test_not_found_when_it_is_no_candidate(self):
        with pytest.raises(NotFoundError, match="no such candidate"):
            retire_candidate(self.deployment(), "1.1.0-d1.s1", now=1, reason="")
