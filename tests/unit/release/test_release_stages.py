"""The state machine of a release from end to end, stopped after each of its states, and resumed."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from fakes.artifacts import a_manifest
from fakes.crashes import Crash, crash_at
from fakes.release_room import MACHINE, Room
from fakes.releases import judged
from servery.domain.judging import Verdict
from servery.domain.records import Outcome, TrainingRecord
from servery.domain.release_evidence import Decision
from servery.domain.release_records import ReleaseOrigin, ReleaseState
from servery.domain.releases import LEASE_SECONDS, release_lease
from servery.domain.rollout import RolloutStage
from servery.errors import ConflictError, FaultError, UnavailableError
from servery.usecases.registry.aborting import AbortRequest, abort_release
from servery.usecases.registry.approving import ApprovalRequest, answer_approval
from servery.usecases.release import route
from servery.usecases.release.clearing import withdraw
from servery.usecases.release.journal import Journal
from servery.usecases.release.messages import Do, StateEvent, Then
from servery.usecases.release.staging import judge_stage
from servery.usecases.release.sweeping import Swept

SECOND = "0.1.1-dabc1234.sdef5678"
LATER = "2026-03-02T00:00:00+00:00"
RELEASE = {
    "shadow": {"share": 0.5, "seconds": 60},
    "canary": [{"share": 0.1, "seconds": 60}, {"share": 0.5, "seconds": 60}],
    "judging": {"patience_s": 120},
}
STATES = [
    name
    for name, state in yaml.safe_load(MACHINE.read_text())["States"].items()
    if state["Type"] in ("Task", "Wait") and not name.startswith(("RollBack", "Ask"))
]


def lineage(**release):
    plain = a_manifest("0.1.0-d1.s1", "tr0", {}).lineage
    spec = {**plain.spec, "metric": "accuracy", "release": release or RELEASE}
    return type(plain)(**{f: getattr(plain, f) for f in plain.__struct_fields__} | {"spec": spec})


@pytest.fixture
def staged() -> Room:
    """A champion, and a second version that is to come through all its stages."""
    room = Room()
    room.register()
    room.release()
    room.register(SECOND, created=LATER, lineage=lineage())
    return room


def champion(room):
    return room.registry.deployment("iris").champion.ref.version


def stored(room, record):
    return room.registry.release("iris", record.id)


def begun(room, record, **stop):
    execution = room.execution(**stop)
    execution.run({"model": "iris", "release": record.id})
    room.executions.running.discard(execution.arn)
    return execution


def test_it_is_champion_when_every_stage_passes(staged):
    before = champion(staged)
    record = staged.release(version=SECOND)
    assert record.state is ReleaseState.SUCCEEDED
    assert champion(staged) == record.released_as != before
    assert [(j.stage, j.share) for j in record.judgements] == [
        (RolloutStage.SHADOW, 0.5),
        (RolloutStage.CANARY, 0.1),
        (RolloutStage.CANARY, 0.5),
    ]
    deployment = staged.registry.deployment("iris")
    assert (deployment.rollout, deployment.candidates) == (None, [])
    assert staged.registry.leases == {}


@pytest.mark.parametrize("state", STATES)
def test_the_champion_answers_and_it_is_taken_up_when_stopped_after(staged, state):
    before = champion(staged)
    record = staged.ask(version=SECOND)
    assert begun(staged, record, stop_after=state).passed[-1] == state
    if state not in ("Crown", "RetireOld"):
        assert champion(staged) == before

    assert begun(staged, record).status in ("SUCCEEDED", "FAILED")

    ended = stored(staged, record)
    assert ended.state is ReleaseState.SUCCEEDED
    assert champion(staged) == ended.released_as
    assert len(ended.judgements) == 3
    assert staged.registry.deployment("iris").rollout is None
    assert staged.registry.leases == {}


@pytest.mark.parametrize("state", STATES)
def test_the_champion_answers_alone_when_stopped_for_good_after(staged, state):
    before = champion(staged)
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after=state)

    swept = staged.sweep()

    ended = stored(staged, record)
    deployment = staged.registry.deployment("iris")
    assert (deployment.rollout, deployment.candidates) == (None, [])
    assert staged.registry.leases == {}
    if state in ("Crown", "RetireOld"):
        assert ended.state is ReleaseState.SUCCEEDED
        return
    assert swept.closed == [record.id]
    assert champion(staged) == before
    assert ended.state in (ReleaseState.ROLLED_BACK, ReleaseState.FAILED)
    assert "its execution stopped after" in ended.reason


def judged_well(room):
    """A release whose stages have all passed, stopped before it is crowned."""
    record = room.ask(version=SECOND)
    while stored(room, record).passed < 3:
        begun(room, record, stop_after="JudgeStage")
    return record


def test_it_says_as_what_it_is_champion_when_it_could_not_say_so_itself(staged, monkeypatch):
    record = judged_well(staged)
    crash_at(monkeypatch, staged.registry, "put_deployment", after=True)
    with pytest.raises(Crash):
        begun(staged, record)
    assert stored(staged, record).released_as == ""
    staged.executions.running.clear()

    staged.sweep()

    ended = stored(staged, record)
    assert (ended.state, ended.released_as) == (ReleaseState.SUCCEEDED, champion(staged))


def test_nobody_is_crowned_when_it_was_taken_out_meanwhile(staged):
    before = champion(staged)
    record = judged_well(staged)
    withdraw("iris", record.id, "stopped", staged.ports)
    crowning = StateEvent(model="iris", release=record.id, do=Do.CROWN)
    with pytest.raises(ConflictError, match="taken its version out"):
        route(crowning, staged.ports)
    assert champion(staged) == before


def test_lease_is_free_when_a_last_call_writes_after_the_end(staged):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="Begin")
    late = Journal(staged.ports, stored(staged, record))
    assert staged.sweep().closed == [record.id]
    with pytest.raises(ConflictError, match="has ended already"):
        late.did("gate", "passed")
    assert staged.registry.leases == {}


def test_it_is_cleared_away_when_a_last_call_showed_it_after_its_end(staged):
    before = champion(staged)
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="PutUp")
    shown = staged.registry.deployment("iris")
    assert staged.sweep().closed == [record.id]
    swept = staged.registry.deployment("iris")
    late = msgspec.structs.replace(shown, revision=swept.revision + 1)
    staged.registry.put_deployment(late)

    assert staged.sweep().cleared == [record.id]

    deployment = staged.registry.deployment("iris")
    assert (deployment.rollout, deployment.candidates) == (None, [])
    assert champion(staged) == before
    assert staged.sweep() == Swept(closed=[], expired=[], cleared=[])


@pytest.mark.parametrize("state", STATES[:-2])
def test_another_release_clears_up_first_when_one_stopped_after(staged, state):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after=state)
    with pytest.raises(ConflictError):
        staged.ask(version=SECOND)
    staged.clock.advance(LEASE_SECONDS + 1)

    again = staged.release(version=SECOND)

    assert again.state is ReleaseState.SUCCEEDED
    assert staged.registry.deployment("iris").rollout is None
    stopped = stored(staged, record)
    if any(step.name == "discovery" for step in stopped.steps):
        assert stopped.state is ReleaseState.ROLLED_BACK
        assert again.id in stopped.reason


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_it_is_rolled_back_when_a_stage_fails(staged, stage):
    before = staged.registry.deployment("iris")
    passes = [judged() for _ in range(stage)]
    staged.judge.verdicts = [*passes, judged(Verdict.FAIL, "it fails in 9 of 100 requests")]
    record = staged.release(version=SECOND)
    assert record.state is ReleaseState.ROLLED_BACK
    assert "9 of 100" in record.reason
    after = staged.registry.deployment("iris")
    assert (after.champion, after.last_good) == (before.champion, before.last_good)
    assert (after.rollout, after.candidates) == (None, [])
    assert len(record.judgements) == stage + 1


def judge_again(room, record):
    event = StateEvent(model="iris", release=record.id)
    return judge_stage(event, room.ports, room.judge).then


@pytest.mark.parametrize("passed", [1, 2])
def test_next_stage_is_begun_when_the_answer_of_a_judgement_is_lost(staged, passed):
    record = staged.ask(version=SECOND)
    while stored(staged, record).passed < passed:
        begun(staged, record, stop_after="JudgeStage")
    staged.clock.advance(60)  # the stage before has lasted as long as the next one would

    assert [judge_again(staged, record) for _ in range(3)] == [Then.STAGE] * 3

    assert stored(staged, record).passed == passed
    assert begun(staged, record).status == "SUCCEEDED"
    assert len(stored(staged, record).judgements) == 3


def test_failure_stands_when_the_answer_of_a_judgement_is_lost(staged):
    staged.judge.verdicts = [judged(Verdict.FAIL, "it fails in 9 of 100 requests"), judged()]
    record = staged.ask(version=SECOND)
    while not stored(staged, record).judgements:
        begun(staged, record, stop_after="JudgeStage")

    assert judge_again(staged, record) is Then.ROLL_BACK
    begun(staged, record)

    assert stored(staged, record).state is ReleaseState.ROLLED_BACK


def test_it_goes_on_when_there_is_too_little_evidence_at_first(staged):
    staged.judge.verdicts = [judged(Verdict.UNKNOWN, "3 requests"), judged()]
    record = staged.release(version=SECOND)
    assert record.state is ReleaseState.SUCCEEDED


def test_what_the_last_look_saw_is_kept_when_a_stage_goes_on(staged):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="JudgeStage")
    seen = stored(staged, record).seen
    assert (seen.stage, seen.share) == (RolloutStage.SHADOW, 0.5)
    assert seen.judgement.said == "its time is not over"
    assert stored(staged, record).judgements == []


def test_nothing_is_seen_any_more_when_every_stage_is_judged(staged):
    record = staged.release(version=SECOND)
    assert (record.seen, len(record.judgements)) == (None, 3)


def test_it_is_rolled_back_when_evidence_never_comes(staged):
    staged.judge.verdicts = [judged(Verdict.UNKNOWN, "3 requests, 50 are needed")]
    record = staged.release(version=SECOND)
    assert record.state is ReleaseState.ROLLED_BACK
    assert "50 are needed" in record.reason


def test_it_fails_and_the_champion_stays_when_the_server_is_not_ready(staged):
    before = staged.registry.deployment("iris")
    staged.servers.answer = lambda event: {"status": 503, "ready": False, "reason": "differs"}
    record = staged.ask(version=SECOND)
    assert begun(staged, record).status == "FAILED"
    assert stored(staged, record).state is ReleaseState.FAILED
    assert "differs" in stored(staged, record).reason
    assert staged.registry.deployment("iris") == before


def test_it_fails_and_the_champion_stays_when_the_artifact_is_corrupt(staged):
    before = staged.registry.deployment("iris")
    staged.objects.objects[f"models/iris/{SECOND}/tr0/manifest.json"] += b" "
    record = staged.ask(version=SECOND)
    with pytest.raises(FaultError, match="not the one that was registered"):
        staged.run(record)
    assert stored(staged, record).state is ReleaseState.FAILED
    assert staged.registry.deployment("iris") == before


@pytest.mark.parametrize("state", [s for s in STATES if s not in ("Crown", "RetireOld")])
def test_it_is_aborted_within_one_state_when_somebody_asks_during(staged, state):
    before = champion(staged)
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after=state)
    execution = staged.execution()  # it goes on meanwhile
    staged.registry.put_release(_with_execution(stored(staged, record), execution.arn))
    abort_release(
        "iris",
        record.id,
        AbortRequest(reason="wrong data"),
        registry=staged.registry,
        signals=staged.signals,
        executions=staged.executions,
        clock=staged.clock,
    )
    deployment = staged.registry.deployment("iris")
    assert (deployment.rollout, deployment.candidates) == (None, [])
    execution.run({"model": "iris", "release": record.id})
    ended = stored(staged, record)
    assert (ended.state, ended.reason) == (ReleaseState.ABORTED, "it was stopped: wrong data")
    assert champion(staged) == before


def _with_execution(record, arn):
    return type(record)(
        **{f: getattr(record, f) for f in record.__struct_fields__} | {"execution": arn}
    )


def test_it_is_ended_at_once_when_aborted_and_nobody_carries_it_out(staged):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="StartStage")
    aborted = abort_release(
        "iris",
        record.id,
        AbortRequest(),
        registry=staged.registry,
        signals=staged.signals,
        executions=staged.executions,
        clock=staged.clock,
    )
    assert aborted.state is ReleaseState.ABORTED
    assert release_lease("iris") not in staged.registry.leases


def test_it_has_succeeded_when_it_is_aborted_after_it_was_crowned(staged):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="Crown")

    ended = abort_release(
        "iris",
        record.id,
        AbortRequest(),
        registry=staged.registry,
        signals=staged.signals,
        executions=staged.executions,
        clock=staged.clock,
    )

    assert (ended.state, ended.released_as) == (ReleaseState.SUCCEEDED, champion(staged))
    assert release_lease("iris") not in staged.registry.leases


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FaultError("its record cannot be read"), FaultError),
        (msgspec.DecodeError("truncated"), FaultError),
        (ConflictError("somebody was first, five times"), UnavailableError),
    ],
    ids=["broken", "unreadable", "contended"],
)
def test_other_models_are_swept_when_one_cannot_be(staged, monkeypatch, error, told):
    record = staged.ask(version=SECOND)
    begun(staged, record, stop_after="StartStage")
    real = staged.registry.releases
    names = [model.name for model in staged.registry.models()]
    models = [msgspec.structs.replace(staged.registry.model("iris"), name="broken")]
    monkeypatch.setattr(
        staged.registry, "models", lambda: models + [staged.registry.model(n) for n in names]
    )

    def releases(model, **options):
        if model == "broken":
            raise error
        return real(model, **options)

    monkeypatch.setattr(staged.registry, "releases", releases)

    with pytest.raises(told, match="broken"):
        staged.sweep()

    assert stored(staged, record).state is ReleaseState.ROLLED_BACK


def answer(room, record, **said):
    return answer_approval(
        "iris",
        record.id,
        ApprovalRequest(**said),
        registry=room.registry,
        signals=room.signals,
        executions=room.executions,
        clock=room.clock,
    )


@pytest.fixture
def asking() -> Room:
    """A champion, and a second version that a person has to approve."""
    room = Room()
    room.register()
    room.release()
    room.register(SECOND, created=LATER, lineage=lineage(approval=["always"]))
    return room


def test_it_goes_on_when_a_person_approves(asking):
    record = asking.ask(version=SECOND)

    def approve():
        waiting = stored(asking, record)
        assert waiting.state is ReleaseState.WAITING
        assert "token" not in str(waiting)
        assert release_lease("iris") not in asking.registry.leases
        answer(asking, record, approve=True, comment="looks good")

    asking.answer = approve
    ended = asking.run(record)
    assert ended.state is ReleaseState.SUCCEEDED
    assert (ended.approval.decision, ended.approval.comment) == (Decision.APPROVED, "looks good")


def test_a_person_is_told_to_wait_when_another_change_is_under_way(asking):
    record = asking.ask(version=SECOND)
    lease = release_lease("iris")

    def approve():
        asking.registry.take_lease(lease, "another", seconds=LEASE_SECONDS)
        with pytest.raises(ConflictError, match="once it has ended"):
            answer(asking, record, approve=True)
        assert stored(asking, record).approval.decision is None
        asking.registry.end_lease(lease, "another")
        answer(asking, record, approve=True)
        with pytest.raises(ConflictError):  # nobody comes between
            asking.registry.take_lease(lease, "another", seconds=LEASE_SECONDS)

    asking.answer = approve

    assert asking.run(record).state is ReleaseState.SUCCEEDED


def test_lease_is_free_when_it_is_approved_and_nobody_carries_it_out(asking):
    record = asking.ask(version=SECOND)

    def approve():
        running = set(asking.executions.running)
        asking.executions.deaf = True
        asking.executions.running.clear()
        with pytest.raises(ConflictError, match="any more"):
            answer(asking, record, approve=True)
        assert asking.registry.leases.get(release_lease("iris")) is None
        asking.executions.deaf = False
        asking.executions.running.update(running)
        answer(asking, record, approve=True)

    asking.answer = approve

    assert asking.run(record).state is ReleaseState.SUCCEEDED


def test_it_keeps_its_lease_when_it_is_approved_again_while_it_goes_on(asking):
    record = asking.ask(version=SECOND)

    def approve():
        answer(asking, record, approve=True)
        asking.executions.deaf = True
        with pytest.raises(ConflictError, match="any more"):
            answer(asking, record, approve=True)
        with pytest.raises(ConflictError):  # nobody comes between
            asking.registry.take_lease(release_lease("iris"), "another", seconds=LEASE_SECONDS)

    asking.answer = approve

    assert asking.run(record).state is ReleaseState.SUCCEEDED


def test_lease_is_free_when_it_ended_while_it_was_approved(asking, monkeypatch):
    record = asking.ask(version=SECOND)

    def ended(_):
        raise ConflictError("it has ended already")

    def approve():
        with monkeypatch.context() as patch:
            patch.setattr(asking.registry, "put_release", ended)
            with pytest.raises(ConflictError, match="ended already"):
                answer(asking, record, approve=True)
        assert asking.registry.leases.get(release_lease("iris")) is None
        answer(asking, record, approve=True)

    asking.answer = approve

    assert asking.run(record).state is ReleaseState.SUCCEEDED


def test_lease_has_been_given_back_when_it_is_seen_to_wait(asking, monkeypatch):
    record = asking.ask(version=SECOND)
    real, held = asking.registry.put_release, []

    def put(written):
        if written.state is ReleaseState.WAITING:
            held.append(asking.registry.leases.get(release_lease("iris")))
        real(written)

    monkeypatch.setattr(asking.registry, "put_release", put)
    asking.answer = lambda: held.append("asked")
    asking.run(record)

    assert held[:2] == [None, "asked"]


def test_it_is_declined_at_once_when_it_could_not_be_approved_yet(asking):
    record = asking.ask(version=SECOND)

    def decline():
        lease = release_lease("iris")
        asking.registry.take_lease(lease, "another", seconds=LEASE_SECONDS)
        with pytest.raises(ConflictError, match="once it has ended"):
            answer(asking, record, approve=True)
        answer(asking, record, approve=False)
        asking.registry.end_lease(lease, "another")

    asking.answer = decline

    assert asking.run(record).state is ReleaseState.REFUSED


def test_it_is_refused_when_a_person_declines(asking):
    record = asking.ask(version=SECOND)
    asking.answer = lambda: answer(asking, record, approve=False, comment="too early")
    ended = asking.run(record)
    assert ended.state is ReleaseState.REFUSED
    assert "too early" in ended.reason


def test_it_is_refused_when_nobody_answers(asking):
    record = asking.ask(version=SECOND)
    ended = asking.run(record)
    assert ended.state is ReleaseState.REFUSED
    assert "nobody approved it" in ended.reason


def test_conflict_when_it_waits_for_nobody(asking):
    record = asking.ask(version=SECOND)
    with pytest.raises(ConflictError, match="waits for nobody"):
        answer(asking, record, approve=True)


def test_conflict_when_it_was_answered_otherwise(asking):
    record = asking.ask(version=SECOND)

    def both():
        answer(asking, record, approve=False)
        asking.clock.advance(60)
        with pytest.raises(ConflictError, match="declined already"):
            answer(asking, record, approve=True)

    asking.answer = both
    assert asking.run(record).state is ReleaseState.REFUSED


def test_a_person_is_asked_when_trainings_before_it_went_badly(staged):
    for number in range(3):
        staged.registry.put_run(
            TrainingRecord(
                training_id=f"bad-{number}",
                model="iris",
                outcome=Outcome.REFUSED,
                started=f"2026-02-0{number + 1}T00:00:00Z",
                finished="2026-02-09T00:00:00Z",
                event={},
            )
        )
    record = staged.ask(version=SECOND)
    automatic = type(record)(
        **{f: getattr(record, f) for f in record.__struct_fields__}
        | {"origin": ReleaseOrigin.TRAINING}
    )
    staged.registry.put_release(automatic)
    ended = staged.run(automatic)
    assert "3 trainings before it" in ended.approval.why[0]
    assert ended.state is ReleaseState.REFUSED
