"""Candidates are published and checked as champions are, and nobody is crowned."""

from __future__ import annotations

import msgspec
import pytest
from fakes.artifacts import SIGNATURE
from fakes.crashes import Crash, crash_at
from fakes.records import VERSION
from fakes.release_room import Room
from servery.domain.policies import Branch, Match, Policies, RoutingPolicy, Threshold
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.serving import Mode
from servery.domain.signature import Dtype, Field
from servery.errors import ConflictError, ModelServerError
from servery.usecases.registry.asking import Place

FIRST = "1.1.0-dabc1234.sdef5678"
SECOND, SECOND_OUT = "0.1.1-dabc1234.sdef5678", "2.1.1-dabc1234.sdef5678"
THIRD, THIRD_OUT = "0.1.2-dabc1234.sdef5678", "3.1.2-dabc1234.sdef5678"


@pytest.fixture
def room() -> Room:
    """A champion, and two more versions that are registered."""
    made = Room()
    made.register()
    made.release()
    made.register(SECOND, created="2026-03-02T00:00:00+00:00")
    made.register(THIRD, created="2026-03-03T00:00:00+00:00")
    return made


def change(room: Room, policies: Policies) -> None:
    """What a change of policies writes, whoever else writes at the time."""
    now = room.registry.deployment("iris")
    changed = {"revision": now.revision + 1, "policies": policies, "reason": "policies"}
    room.registry.put_deployment(msgspec.structs.replace(now, **changed))


def stand(room: Room, version: str, **request):
    return room.release(version=version, as_=Place.CANDIDATE, **request)


def test_it_is_served_beside_the_champion_when_it_is_ready(room):
    before = room.registry.deployment("iris")
    record = stand(room, SECOND)
    after = room.registry.deployment("iris")
    assert (record.kind, record.state) == (ReleaseKind.CANDIDATE, ReleaseState.SUCCEEDED)
    assert record.released_as == SECOND_OUT
    assert [step.name for step in record.steps][-4:] == ["promote", "stand", "clean", "done"]
    assert [c.ref.version for c in after.candidates] == [SECOND_OUT]
    assert (after.champion, after.last_good) == (before.champion, before.last_good)
    assert (after.deadline_ms, after.limits) == (before.deadline_ms, before.limits)
    assert room.servers.asked[-1].event["ref"]["version"] == SECOND_OUT
    assert room.registry.version("iris", SECOND_OUT).promoted_from == SECOND


def test_nothing_is_left_when_it_is_not_ready(room):
    before = room.registry.deployment("iris")
    room.servers.answer = lambda _: {"status": 503, "ready": False, "reason": "differs"}
    with pytest.raises(ModelServerError):
        stand(room, SECOND, mode=Mode.IMAGE)
    assert room.registry.deployment("iris") == before
    assert list(room.publisher.published) == ["predictor:1"]


def test_nothing_changes_when_it_is_a_candidate_already(room):
    stand(room, SECOND)
    before = room.registry.deployment("iris")
    assert "unchanged" in [step.name for step in stand(room, SECOND).steps]
    assert "unchanged" in [step.name for step in stand(room, VERSION).steps]
    assert room.registry.deployment("iris") == before


def test_it_stays_when_it_was_the_last_good_one(room):
    room.release(version=SECOND)
    stand(room, FIRST)
    room.release(version=THIRD)
    after = room.registry.deployment("iris")
    assert [s.ref.version for s in after.serving()] == [THIRD_OUT, SECOND_OUT, FIRST]


def test_conflict_when_there_is_no_champion():
    room = Room()
    room.register()
    with pytest.raises(ConflictError, match="release its champion first"):
        stand(room, VERSION)
    assert room.queue.started == []


def test_conflict_at_once_when_there_are_five(room):
    for number in range(3, 8):
        version = f"0.1.{number}-dabc1234.sdef5678"
        room.register(version, created=f"2026-03-0{number}")
        assert stand(room, version).state is ReleaseState.SUCCEEDED
    with pytest.raises(ConflictError, match="5 are the most"):
        stand(room, SECOND)


CALLS = [("publisher", "publish"), ("registry", "add_version"), ("registry", "put_deployment")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "name"), CALLS, ids=[name for _, name in CALLS])
def test_it_takes_up_where_it_stopped_when_it_was_killed(room, monkeypatch, port, name, after):
    record = room.ask(version=SECOND, as_=Place.CANDIDATE, mode=Mode.IMAGE)
    crash_at(monkeypatch, getattr(room, port), name, after=after)
    with pytest.raises(Crash):
        room.run(record)

    ended = room.run(record)

    deployment = room.registry.deployment("iris")
    assert ended.state is ReleaseState.SUCCEEDED
    assert (deployment.revision, len(deployment.candidates)) == (2, 1)
    assert sorted(room.publisher.published) == ["predictor:1", "predictor:2"]


def test_servers_of_candidates_move_when_they_are_rolled(room):
    stand(room, SECOND, mode=Mode.IMAGE)
    room.publisher.deployed = "code-2"
    record = room.release(kind=ReleaseKind.ROLL)
    after = room.registry.deployment("iris")
    assert record.state is ReleaseState.SUCCEEDED
    assert {s.server.code for s in after.serving()} == {"code-2-onnx"}
    assert room.publisher.published[after.candidates[0].server.function].publish_id.endswith(
        "-candidate-0"
    )
    again = room.release(kind=ReleaseKind.ROLL)
    assert "unchanged" in [step.name for step in again.steps]


def test_a_candidate_stays_on_its_server_when_it_is_not_ready_on_new_code(room):
    stand(room, SECOND, mode=Mode.IMAGE)
    room.publisher.deployed = "code-2"
    answer = room.servers.answer
    room.servers.answer = lambda event: (
        {"status": 503, "ready": False, "reason": "cannot be read"}
        if event["ref"]["version"] == SECOND_OUT
        else answer(event)
    )
    room.release(kind=ReleaseKind.ROLL)
    after = room.registry.deployment("iris")
    assert after.champion.server.code == "code-2-onnx"
    assert after.candidates[0].server.function == "predictor:2"


@pytest.mark.parametrize("as_", list(Place))
def test_release_goes_through_when_policies_change_meanwhile(room, as_):
    well = room.servers.answer
    switched = Policies(routing=RoutingPolicy(active=False))

    def meddle(event):
        change(room, switched)
        return well(event)

    room.servers.answer = meddle
    record = room.release(version=SECOND, as_=as_)
    after = room.registry.deployment("iris")
    assert record.state is ReleaseState.SUCCEEDED
    assert after.policies == switched
    assert SECOND_OUT in [s.ref.version for s in after.serving()]


def test_roll_goes_through_when_policies_change_meanwhile(room):
    well = room.servers.answer
    switched = Policies(routing=RoutingPolicy(active=False))
    room.publisher.deployed = "code-2"

    def meddle(event):
        change(room, switched)
        return well(event)

    room.servers.answer = meddle
    assert room.release(kind=ReleaseKind.ROLL).state is ReleaseState.SUCCEEDED
    assert room.registry.deployment("iris").policies == switched


def test_policies_win_over_the_spec_when_another_is_released(room):
    change(room, Policies(deadline_ms=777, log_sample=0.25))
    room.release(version=SECOND)
    after = room.registry.deployment("iris")
    assert (after.deadline_ms, after.log_sample) == (777, 0.25)


def test_release_is_refused_before_anything_is_made_when_a_policy_would_name_nobody(room):
    room.release(version=SECOND)
    change(room, Policies(routing=RoutingPolicy(version=FIRST)))
    published = dict(room.publisher.published)
    record = room.release(version=THIRD, mode=Mode.IMAGE)
    assert record.state is ReleaseState.REFUSED
    assert f"servery release iris {FIRST} --as candidate" in record.reason
    assert room.publisher.published == published
    assert stand(room, FIRST).state is ReleaseState.SUCCEEDED
    assert room.release(version=THIRD).state is ReleaseState.SUCCEEDED


def test_release_is_refused_when_policies_do_not_fit_the_version(room):
    lacking = msgspec.structs.replace(
        SIGNATURE, inputs=[Field(name="petal_width", dtype=Dtype.FLOAT, unit="cm")]
    )
    other = "0.1.3-dabc1234.sdef5678"
    room.register(other, created="2026-03-04", signature=lacking)
    match = Match(column="petal_length", above=2)
    branch = Branch(name="long", version=FIRST, match=[match])
    change(room, Policies(routing=RoutingPolicy(branches=[branch])))
    record = room.release(version=other)
    assert record.state is ReleaseState.REFUSED
    assert "do not fit 2.1.3-dabc1234.sdef5678: routing.branches[0]" in record.reason
    assert "servery deployment edit iris" in record.reason
    assert room.release(version=SECOND).state is ReleaseState.SUCCEEDED


def test_release_goes_through_when_policies_were_wrong_before(room):
    threshold = Threshold(positive="rose", at=0.5, otherwise="virginica")
    change(room, Policies(routing=RoutingPolicy(threshold=threshold)))
    assert room.release(version=SECOND).state is ReleaseState.SUCCEEDED


def functions(room: Room) -> dict[str, str]:
    """The server of each version."""
    return {s.ref.version: s.server.function for s in room.registry.deployment("iris").serving()}


def test_every_candidate_has_a_server_of_its_own_when_servers_load_models(room):
    stand(room, SECOND, mode=Mode.LOAD)
    stand(room, THIRD, mode=Mode.LOAD)
    assert len(set(functions(room).values())) == 3, "a server keeps two models"


def test_it_answers_from_its_own_server_when_it_is_crowned(room):
    stand(room, SECOND, mode=Mode.LOAD)
    own = functions(room)[SECOND_OUT]
    room.release(version=SECOND, mode=Mode.LOAD)
    assert functions(room)[SECOND_OUT] == own, "it is warm"


def test_candidates_keep_apart_when_they_are_rolled(room):
    stand(room, SECOND, mode=Mode.LOAD)
    before = functions(room)
    room.publisher.deployed = "code-2"
    room.release(kind=ReleaseKind.ROLL)
    after = functions(room)
    assert len(set(after.values())) == 2
    assert not set(after.values()) & set(before.values())
