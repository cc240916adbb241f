"""Parts: each asked, kept once, told once; tried again where that may help."""

from __future__ import annotations

import msgspec
import pytest
from fakes.fan_out_plant import InlineCrew
from fakes.graph_jobs import a_result
from fakes.graph_plant import classes
from fakes.jobs import DiedError
from servery.domain.graph_jobs import GraphJobState, PartMessage
from servery.errors import DeadlineExceededError, ModelServerError, UnavailableError
from servery.usecases.graph.asking import GraphAsk
from servery.usecases.graph.fan_out.answering import answer, answer_all
from servery.usecases.graph.plans import plan as plan_of

SHAPES = [
    {"aggregate": "all"},
    {"aggregate": "any"},
    {"aggregate": "vote"},
    {"aggregate": "quorum", "quorum": 2},
    {"aggregate": "mean"},
    {"aggregate": "weighted"},
    {"aggregate": "median"},
    {"aggregate": "argmax"},
    {"aggregate": "named", "named": "maximum"},
    {"aggregate": "vote", "when": {"of": "request.x", "above": 1.5}},
    {
        "aggregate": "mean",
        "when": {"of": "request.x", "above": 1.5},
        "on_failure": "default",
        "default": {"value": 0.0},
    },
]
TROUBLE = {
    "none": None,
    "down": UnavailableError("away"),
    "garbage": b'{"status": 200, "body": "{}"}',
    "slow": DeadlineExceededError("model server", 28),
    "refuses": {
        "status": 422,
        "body": '{"errors": [{"field": "records[1].x", "message": "is above 10"}]}',
    },
}


def parts(plant, job_id):
    return {part.name: part for part in plant.view(job_id).parts}


def direct(plant, record, xs):
    """What a direct request to the graph comes to: predictions, or the class of the error."""
    asked = GraphAsk(
        records=[{"x": x} for x in xs], id=None, steps=False, request_id="r", seconds=60
    )
    outcome = plant.asker.ask(plan_of(record), asked)
    if outcome.answer is None:
        return type(outcome.error).__name__
    return outcome.answer.predictions


def ended_as(plant, job_id):
    found = plant.view(job_id)
    if found.result is not None:
        return msgspec.json.decode(found.result)["predictions"]
    kind = msgspec.json.decode(found.error)["type"].rpartition(":")[2]
    return "".join(word.capitalize() for word in kind.split("-")) + "Error"


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("on_failure", [None, "stop"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values()))[:30])
def test_it_ends_as_a_direct_request_does_when_nothing_is_lost(plant, shape, on_failure, trouble):
    if on_failure and "on_failure" not in shape:
        shape = {**shape, "on_failure": on_failure}
    scored = shape["aggregate"] in ("mean", "weighted", "median", "argmax", "named")
    names = ("u", "v", "w") if scored else ("a", "b", "c")
    record = plant.group(*names, **shape)
    if TROUBLE[trouble] is not None:
        plant.models.models[names[1]].answer = lambda rows: TROUBLE[trouble]
    xs = (1.0, 2.0, 3.0)
    job_id = plant.accepted(*xs)
    plant.go_on(200)
    assert plant.job(job_id).state.final
    assert ended_as(plant, job_id) == direct(plant, record, xs)


def test_what_became_of_each_part_is_told_when_all_are_in(plant):
    plant.group("a", "b", "c", aggregate="vote")
    job_id = plant.accepted(1.0, 2.0)
    before = parts(plant, job_id)
    assert {p.state for p in before.values()} == {"waiting"}
    plant.work()
    found = plant.view(job_id, answers=True)
    assert (found.state, found.partial, found.missing) == (GraphJobState.DONE, False, [])
    first = found.parts[0]
    assert (first.name, first.state, first.model, first.tries, first.late) == (
        "a",
        "done",
        "a",
        1,
        False,
    )
    assert [r["class"] for r in msgspec.json.decode(first.predictions)] == ["yes", "yes"]
    assert first.model_version == plant.models.deployments["a"].champion.ref.version
    assert [r["class"] for r in plant.predictions(job_id)] == ["yes", "yes"]
    assert len(plant.events.members) == 3
    assert [job.id for job in plant.events.ends] == [job_id]
    assert plant.job(job_id).told
    assert plant.job(job_id).due is None
    assert plant.waiting == 0


def test_the_whole_graph_is_asked_when_it_is_more_than_a_group(plant):
    steps = [
        {"name": "one", "model": "a"},
        {"name": "two", "model": "u", "when": {"of": "one.class", "equals": "yes"}},
    ]
    plant.models.graph({"steps": steps, "output": ["two"]}, {}, "x:float")
    job_id = plant.accepted(4.0)
    plant.work()
    assert [r["value"] for r in plant.predictions(job_id)] == [4.0]
    (part,) = plant.view(job_id).parts
    assert (part.name, part.model, part.model_version) == ("graph", "g", "r3")


def test_the_hop_is_named_when_the_whole_graph_fails(plant):
    plant.models.graph({"steps": [{"name": "one", "model": "a"}]}, {}, "x:float")
    plant.models.models["a"].answer = lambda rows: UnavailableError("away")
    job_id = plant.accepted()
    plant.go_on(200)
    found = plant.view(job_id)
    assert (found.state, found.missing) == (GraphJobState.FAILED, ["graph"])
    problem = msgspec.json.decode(found.error)
    assert (problem["status"], problem["hop"]) == (503, "one")


class TestTryingAgain:
    def test_it_pauses_longer_each_time_when_a_member_is_down(self, plant):
        plant.group("a", "b", aggregate="vote", job_wait_s=600)
        plant.models.models["b"].answer = lambda rows: UnavailableError("away")
        job_id = plant.accepted()
        pauses = []
        for _ in range(4):
            plant.work()
            left = [m.visible - plant.now for m in plant.topic.slots[1].messages.values()]
            pauses += left
            plant.clock.advance(*left or [0])
        assert pauses == [4, 16, 64]
        part = parts(plant, job_id)["b"]
        assert (part.state, part.tries) == ("failed", 4)
        assert "b cannot answer" in part.reason
        found = plant.view(job_id)
        assert found.state is GraphJobState.FAILED
        assert "b" in found.reason
        assert found.missing == ["b"]
        assert parts(plant, job_id)["a"].state == "done"

    def test_it_is_answered_when_the_member_comes_back(self, plant):
        plant.group("a", "b", aggregate="vote")
        plant.models.models["b"].answer = lambda rows: UnavailableError("away")
        job_id = plant.accepted()
        plant.work()
        plant.models.models["b"].answer = classes("no")
        plant.go_on(30)
        assert plant.job(job_id).state is GraphJobState.DONE
        assert parts(plant, job_id)["b"].tries == 2

    def test_it_has_failed_at_once_when_the_answer_is_garbage(self, plant):
        plant.group("a", "b", aggregate="vote")
        plant.models.models["b"].answer = lambda rows: {"status": 200, "body": "<html>"}
        job_id = plant.accepted()
        plant.work()
        part = parts(plant, job_id)["b"]
        assert (part.state, part.tries) == ("failed", 1)
        assert plant.view(job_id).state is GraphJobState.FAILED

    def test_it_is_tried_again_when_the_server_crashed(self, plant):
        plant.group("a", "b", aggregate="vote")
        plant.models.models["b"].answer = lambda rows: ModelServerError("it crashed")
        job_id = plant.accepted()
        plant.work()
        plant.models.models["b"].answer = classes("no")
        plant.go_on(30)
        assert plant.job(job_id).state is GraphJobState.DONE

    def test_it_has_failed_at_once_when_the_input_is_refused(self, plant):
        plant.group("a", "b", aggregate="vote")
        plant.models.models["b"].answer = lambda rows: TROUBLE["refuses"]
        job_id = plant.accepted(1.0, 99.0)
        plant.work()
        found = plant.view(job_id)
        assert found.state is GraphJobState.FAILED
        problem = msgspec.json.decode(found.error)
        assert problem["status"] == 422
        assert problem["errors"] == [{"field": "records[1].x", "message": "is above 10"}]
        assert "99" not in str(problem)

    def test_it_has_failed_when_whoever_asks_dies_of_it(self, plant):
        plant.group("a", "b", aggregate="vote", job_wait_s=3600)

        def deadly(rows):
            raise DiedError

        plant.models.models["b"].answer = deadly
        job_id = plant.accepted()
        plant.go_on(1000)
        part = parts(plant, job_id)["b"]
        assert (part.state, part.tries) == ("failed", 9)
        assert part.reason == "b: whoever asked it did not come back"
        assert plant.waiting == 0

    def test_it_comes_back_when_the_store_is_away(self, plant):
        plant.group("a", "b", aggregate="vote")
        job_id = plant.accepted()
        plant.memory.failure = UnavailableError("away")
        assert [done.back for done in plant.work()] == [4, 4]
        plant.memory.failure = None
        plant.go_on(10)
        assert plant.job(job_id).state is GraphJobState.DONE

    def test_it_comes_back_when_there_is_no_time_for_it(self, plant):
        plant.group("a", "b")
        message = PartMessage(job=plant.accepted(), part="a", slot=0)
        done = answer(message, plant.answering, receives=1, seconds=2)
        assert (done.back, done.result) == (1.0, None)
        assert plant.models.models["a"].asked == []


class TestAgainAndAgain:
    def test_nothing_changes_when_every_delivery_comes_again(self, plant):
        plant.group("a", "b", aggregate="vote")
        job_id = plant.accepted()
        bodies = [(queue, m.body) for queue in plant.topic.slots for m in queue.messages.values()]
        plant.work()
        first = plant.view(job_id)
        for _ in range(3):
            for queue, body in bodies:
                queue.send([body])
            plant.clock.advance(1)
            plant.work()
        assert plant.view(job_id) == first
        assert plant.waiting == 0
        assert (len(plant.events.members), len(plant.events.ends)) == (2, 1)
        assert len(plant.models.models["a"].asked) == 1

    def test_one_of_them_counts_when_two_workers_have_the_same_part(self, plant):
        plant.group("a", "b", aggregate="vote")
        job_id = plant.accepted()
        message = PartMessage(job=job_id, part="a", slot=0)
        meanwhile = []

        def other_first(rows):
            if not meanwhile:
                meanwhile.append(None)
                meanwhile.append(answer(message, plant.answering, receives=1, seconds=60))
            return classes("no" if len(meanwhile) == 1 else "yes")(rows)

        plant.models.models["a"].answer = other_first
        late = answer(message, plant.answering, receives=1, seconds=60)
        assert meanwhile[1].result is not None
        assert (late.result, late.back) == (None, None)
        assert len(plant.events.members) == 1

    @pytest.mark.parametrize(("age", "told"), [(14.9, 0), (15.1, 1)])
    def test_it_is_told_by_another_when_whoever_wrote_it_must_have_died(self, plant, age, told):
        plant.group("a", "b", aggregate="vote")
        job_id = plant.accepted()
        plant.store.add_result(a_result("a", job_id), expires=plant.now)
        plant.clock.advance(age)
        message = PartMessage(job=job_id, part="a", slot=0)
        done = answer(message, plant.answering, receives=2, seconds=60)
        assert len(plant.events.members) == told
        assert (done.back is None) == bool(told)

    def test_nothing_comes_of_it_when_there_is_no_such_job_or_part(self, plant):
        plant.group("a", "b")
        job_id = plant.accepted()
        for job, part in ((job_id, "z"), ("f" * 26, "a")):
            message = PartMessage(job=job, part=part, slot=0)
            assert answer(message, plant.answering, receives=1, seconds=60).back is None
        assert plant.store.results(job_id) == []


def test_each_is_carried_out_when_several_come_together(plant):
    plant.group("a", "b", "c", aggregate="vote")
    jobs = [plant.accepted(), plant.accepted()]
    messages = {
        PartMessage(job=job, part=part, slot=n): 1
        for job in jobs
        for n, part in enumerate(("a", "b", "c"))
    }
    done = answer_all(messages, plant.answering, InlineCrew(), seconds=60)
    assert set(done) == set(messages)
    assert {one.back for one in done.values()} == {None}
    assert {plant.job(job).state for job in jobs} == {GraphJobState.DONE}


def test_they_come_back_when_their_worker_has_no_hand_for_them_in_time(plant):
    class Busy(InlineCrew):
        def start(self, ticket, job):
            pass

    plant.group("a", "b")
    message = PartMessage(job=plant.accepted(), part="a", slot=0)
    done = answer_all({message: 1}, plant.answering, Busy(), seconds=60)
    assert done[message].back == 1.0
