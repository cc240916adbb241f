from __future__ import annotations

import pytest
from fakes.crashes import Crash, crash_at
from fakes.records import VERSION, a_ref, a_server
from servery.domain.deployment import Served, crown
from servery.domain.manifest import Runtime
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.releases import LEASE_SECONDS, PUBLISH_LEASE, release_lease
from servery.domain.serving import Mode
from servery.errors import (
    ConflictError,
    DeadlineExceededError,
    FaultError,
    ModelServerError,
    ThrottledError,
    UnavailableError,
)

SECOND = "0.1.1-dabc1234.sdef5678"


def refuse(event):
    return {"status": 503, "ready": False, "reason": "probability differs by 0.4"}


def stored(room, record):
    return room.registry.release("iris", record.id)


def assert_nothing_left(room, record):
    assert room.publisher.published == {}
    assert not [key for key in room.objects.objects if key.startswith("images/")]
    assert room.registry.leases == {}
    assert stored(room, record).state is ReleaseState.FAILED


@pytest.mark.parametrize("mode", list(Mode))
def test_nothing_is_left_when_the_server_is_not_ready(room, mode):
    room.servers.answer = refuse
    record = room.ask(mode=mode)
    with pytest.raises(ModelServerError, match=r"differs by 0\.4"):
        room.run(record)
    assert "differs by 0.4" in stored(room, record).reason
    assert_nothing_left(room, record)
    assert len(room.servers.asked) == 1
    assert [v.version for v in room.registry.versions("iris")] == [VERSION]


def test_the_champion_is_untouched_when_the_next_one_is_not_ready(room):
    room.release()
    before = room.registry.deployment("iris")
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.servers.answer = refuse
    with pytest.raises(ModelServerError):
        room.release(mode=Mode.IMAGE)
    assert room.registry.deployment("iris") == before
    assert list(room.publisher.published) == [before.champion.server.function]


def test_it_fails_when_the_server_has_loaded_another_model(room):
    room.servers.answer = lambda event: {
        "status": 200,
        "ready": True,
        "model_version": event["ref"]["version"],
        "digest": "0" * 64,
    }
    with pytest.raises(ModelServerError, match="another digest"):
        room.release()


def test_it_waits_when_the_server_does_not_answer_yet(room):
    replies = [UnavailableError("pending"), DeadlineExceededError("model server", 60)]
    well = room.servers.answer
    room.servers.answer = lambda event: replies.pop(0) if replies else well(event)
    assert room.release().state is ReleaseState.SUCCEEDED
    assert len(room.servers.asked) == 3


def test_it_fails_when_the_server_never_answers(room):
    room.servers.answer = lambda event: UnavailableError("pending")
    record = room.ask()
    with pytest.raises(ModelServerError, match="did not become ready in 240 s"):
        room.run(record)
    assert_nothing_left(room, record)


def test_it_fails_when_an_artifact_is_not_the_registered_one(room):
    room.objects.objects[f"models/iris/{VERSION}/tr0/model.onnx"] = b"something else"
    record = room.ask(mode=Mode.IMAGE)
    with pytest.raises(FaultError, match="not the one that was registered"):
        room.run(record)
    assert_nothing_left(room, record)


def test_it_fails_when_the_manifest_is_not_the_registered_one(room):
    room.objects.objects[f"models/iris/{VERSION}/tr0/manifest.json"] += b" "
    record = room.ask()
    with pytest.raises(FaultError, match="not the one that was registered"):
        room.run(record)
    assert_nothing_left(room, record)


def test_it_is_refused_when_an_imported_model_would_be_unpickled(room):
    room.register(SECOND, runtime=Runtime.JOBLIB, origin="upload", created="2026-03-05")
    record = room.release()
    assert record.state is ReleaseState.REFUSED
    assert "never unpickled" in record.reason
    assert room.publisher.published == {}


def behind(room):
    """A roll that has something to do: the champion runs older code than is deployed."""
    room.release()
    room.publisher.deployed = "code-2"
    return room.ask(kind=ReleaseKind.ROLL)


def test_it_goes_on_when_a_fault_passes(room):
    room.publisher.failures = [UnavailableError("another change of the predictor is under way")]
    assert room.release(mode=Mode.IMAGE).state is ReleaseState.SUCCEEDED
    assert PUBLISH_LEASE not in room.registry.leases


def test_it_fails_when_the_fault_does_not_pass(room):
    room.publisher.failures = [ThrottledError("busy")] * 5
    record = room.ask()
    with pytest.raises(ThrottledError):
        room.run(record)
    assert stored(room, record).reason == "busy"
    assert_nothing_left(room, record)


def test_roll_goes_on_when_lambda_calls_again_after_a_passing_fault(room):
    record = behind(room)
    room.publisher.failures = [UnavailableError("another change of the predictor is under way")]
    with pytest.raises(UnavailableError):
        room.run(record)
    assert stored(room, record).state is ReleaseState.RUNNING
    assert PUBLISH_LEASE not in room.registry.leases

    assert room.run(record).state is ReleaseState.SUCCEEDED
    assert [s.detail for s in stored(room, record).steps if s.name == "begin"] == [
        "attempt 1",
        "attempt 2",
    ]


def test_roll_is_given_up_when_the_fault_does_not_pass(room):
    record = behind(room)
    room.publisher.failures = [ThrottledError("busy")] * 3
    for _ in range(2):
        with pytest.raises(ThrottledError):
            room.run(record)
    assert room.run(record).state is ReleaseState.FAILED
    assert stored(room, record).reason == "busy"


CALLS = [
    ("objects", "put"),
    ("publisher", "publish"),
    ("publisher", "settle"),
    ("servers", "call"),
    ("registry", "add_version"),
    ("registry", "put_deployment"),
    ("publisher", "sweep"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "name"), CALLS, ids=[name for _, name in CALLS])
def test_it_takes_up_where_it_stopped_when_it_was_killed(room, monkeypatch, port, name, after):
    record = room.ask(mode=Mode.IMAGE)
    crash_at(monkeypatch, getattr(room, port), name, after=after)
    with pytest.raises(Crash):
        room.run(record)
    assert stored(room, record).state is ReleaseState.RUNNING

    ended = room.run(record)

    assert ended.state is ReleaseState.SUCCEEDED
    deployment = room.registry.deployment("iris")
    assert deployment.revision == 1
    assert list(room.publisher.published) == [deployment.champion.server.function]
    assert len(room.registry.versions("iris")) == 2
    assert ended.released_as == deployment.champion.ref.version
    assert room.registry.leases == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "name"), CALLS[:4], ids=[name for _, name in CALLS[:4]])
def test_nothing_is_left_when_it_was_killed_and_then_fails(room, monkeypatch, port, name, after):
    record = room.ask(mode=Mode.IMAGE)
    crash_at(monkeypatch, getattr(room, port), name, after=after)
    with pytest.raises(Crash):
        room.run(record)
    room.servers.answer = refuse
    with pytest.raises(ModelServerError):
        room.run(record)
    assert_nothing_left(room, record)


def test_roll_is_given_up_when_it_was_killed_three_times(room, monkeypatch):
    record = behind(room)
    for _ in range(3):
        crash_at(monkeypatch, room.publisher, "settle", after=True)
        with pytest.raises(Crash):
            room.run(record)
    with pytest.raises(FaultError, match="3 attempts"):
        room.run(record)
    assert stored(room, record).state is ReleaseState.FAILED


def test_roll_has_failed_when_it_begins_after_its_time(room):
    record = behind(room)
    room.clock.advance(LEASE_SECONDS)
    assert room.run(record).state is ReleaseState.FAILED
    assert "did not come back" in stored(room, record).reason


def test_it_stops_and_removes_nothing_when_another_has_taken_over(room, monkeypatch):
    record = room.ask()
    crash_at(monkeypatch, room.publisher, "settle", after=True)
    with pytest.raises(Crash):
        room.run(record)
    room.registry.leases.clear()
    room.registry.take_lease(release_lease("iris"), "another", seconds=60)
    ended = room.run(record)
    assert ended.state is ReleaseState.REFUSED
    assert "another" in ended.reason
    assert list(room.publisher.published) == ["predictor:1"]
    assert room.registry.leases[release_lease("iris")].owner == "another"


def test_it_waits_its_turn_when_another_model_is_being_published(room):
    room.registry.take_lease(PUBLISH_LEASE, "wine", seconds=20)
    assert room.release().state is ReleaseState.SUCCEEDED
    assert PUBLISH_LEASE not in room.registry.leases


def test_roll_comes_back_later_when_publishing_is_busy_for_long(room):
    record = behind(room)
    room.registry.take_lease(PUBLISH_LEASE, "wine", seconds=500)
    with pytest.raises(UnavailableError, match="other releases are under way"):
        room.run(record)
    assert stored(room, record).state is ReleaseState.RUNNING


def test_nothing_happens_when_it_has_ended(room):
    record = room.release()
    asked = len(room.servers.asked)
    assert room.run(record) == record
    assert len(room.servers.asked) == asked


def test_nothing_happens_again_when_it_has_failed(room):
    room.servers.answer = refuse
    record = room.ask()
    with pytest.raises(ModelServerError):
        room.run(record)
    execution = room.execution()
    execution.run({"model": "iris", "release": record.id})
    assert (execution.status, execution.passed[-1]) == ("FAILED", "Failed")
    assert "differs by 0.4" in execution.cause
    assert len(room.servers.asked) == 1


def test_roll_raises_again_when_it_has_failed(room):
    record = behind(room)
    room.servers.answer = refuse
    with pytest.raises(ModelServerError):
        room.run(record)
    with pytest.raises(FaultError, match=r"differs by 0\.4"):
        room.run(record)


def test_the_release_stands_when_cleaning_up_fails(room):
    room.publisher.sweep_failure = ThrottledError("deleting is throttled")
    record = room.release()
    assert record.state is ReleaseState.SUCCEEDED
    clean = next(step for step in record.steps if step.name == "clean")
    assert "left for the next release" in clean.detail


def test_an_unexpected_error_is_recorded_without_its_words(room, monkeypatch):
    record = room.ask()
    monkeypatch.setattr(room.publisher, "settle", lambda server: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        room.run(record)
    assert "unexpected ZeroDivisionError" in stored(room, record).reason
    assert_nothing_left(room, record)


def test_a_roll_fails_and_changes_nothing_when_the_champion_is_not_ready(room):
    room.release()
    before = room.registry.deployment("iris")
    room.publisher.deployed = "code-2"
    room.servers.answer = refuse
    with pytest.raises(ModelServerError):
        room.release(kind=ReleaseKind.ROLL)
    assert room.registry.deployment("iris") == before
    assert list(room.publisher.published) == ["predictor:1"]


def test_it_fails_when_somebody_else_changed_the_deployment(room, monkeypatch):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    well = room.servers.answer
    other = Served(ref=a_ref("9.1.0-d1.s1"), server=a_server(9))

    def meddle(event):
        current = room.registry.deployment("iris")
        changed = crown(current, other, now=0, reason="by hand")
        room.registry.put_deployment(changed)
        return well(event)

    room.servers.answer = meddle
    record = room.release()
    assert record.state is ReleaseState.REFUSED
    assert "changed meanwhile" in record.reason
    assert room.registry.deployment("iris").reason == "by hand"


def test_conflict_that_names_the_other_when_two_are_asked_for(room):
    first = room.ask()
    with pytest.raises(ConflictError, match=first.id):
        room.ask()
    assert room.run(first).state is ReleaseState.SUCCEEDED
    assert room.release().state is ReleaseState.SUCCEEDED
