"""Events of queues, the schedule and the bus: what is done, logged, counted and told back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes.fan_out_plant import FanOut, InlineCrew
from fakes.job_plant import Context
from fakes.prediction_log import MemoryPredictionLog
from servery.domain.graph_jobs import PartMessage
from servery.edge.graph.following import Follower
from servery.edge.graph.job_log import JobLog
from servery.edge.graph.parts import PartWorker, part_of
from servery.edge.graph.settling import JobSettler
from servery.errors import InvalidInputError, MalformedError, UnavailableError
from servery.usecases.graph.fan_out.following import GraphFollowPorts
from servery.usecases.graph.fan_out.sweeping import GraphSweepPorts
from servery.usecases.monitoring import Recorder

ARN = "arn:aws:sqs:eu-west-1:000000000000:{name}"
CONTEXT = Context("request-9")


class Functions:
    """The three functions over a plant, with the log that they write."""

    def __init__(self, plant: FanOut) -> None:
        self.plant = plant
        self.lines = MemoryPredictionLog()
        self.hidden: dict[str, dict[str, float]] = {}
        self.flushed = 0
        log = JobLog(plant.models, plant.documents, Recorder(self.lines, plant.clock))
        self.parts = PartWorker(plant.answering, InlineCrew, self._hide, log, self._flush)
        sweeping = GraphSweepPorts(settling=plant.settling, topic=plant.topic)
        self.settler = JobSettler(
            sweeping, lambda pauses: self._hide("settle", pauses), log, self._flush
        )
        self.follower = Follower(GraphFollowPorts(submitting=plant.submitting, graphs=plant))

    def _hide(self, queue: str, pauses: Any) -> None:
        self.hidden.setdefault(queue, {}).update(pauses)

    def _flush(self, seconds: float) -> None:
        assert seconds > 0
        self.flushed += 1

    def slot(self, number: int) -> list[str]:
        """Deliver what waits in the queue of a slot; the messages that come back."""
        queue = self.plant.topic.slots[number]
        messages = queue.receive()
        event = records(f"slot-{number}", *(m.body for m in messages))
        answer = self.parts.serve(event, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def records(queue: str, *bodies: str, receives: int = 1) -> dict[str, Any]:
    """Messages, as Lambda's poller hands them over."""
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": f"h{n}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN.format(name=queue),
            }
            for n, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def functions(plant: FanOut) -> Functions:
    plant.group("a", "b")
    return Functions(plant)


def told(capsys: pytest.CaptureFixture[str], name: str) -> list[float]:
    """The values of a metric, in order."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line[name] for line in lines if name in line]


class TestAnswering:
    def test_job_is_logged_once_when_its_last_part_is_in(self, functions, plant, capsys):
        job = plant.accepted(1.0, 2.0)
        assert functions.slot(0) == functions.slot(1) == []
        (entry,) = functions.lines.entries
        assert (entry["model"], entry["route"], entry["status"]) == ("g", "graph_job", 200)
        assert (entry["request_id"], entry["model_version"]) == ("r-1", "r3")
        assert entry["rows"] == 2
        assert entry["input"] == {"records": [{"x": 1.0}, {"x": 2.0}]}
        assert [row["a"]["class"] for row in entry["output"]["predictions"]] == ["yes", "yes"]
        assert functions.flushed == 2
        assert plant.job(job).told
        assert told(capsys, "GraphPartsDone") == [1, 1]

    def test_failed_job_is_logged_with_its_error_when_a_part_is_refused(self, functions, plant):
        refusal = {"errors": [{"field": "records[0].x", "message": "is more than 1"}]}
        reply = {"status": 422, "body": json.dumps(refusal)}
        plant.models.model("a", lambda _: reply)
        plant.accepted(5.0)
        functions.slot(0)
        functions.slot(1)
        (entry,) = functions.lines.entries
        assert (entry["status"], entry["error"]) == (422, "InvalidInputError")
        assert entry["rows"] == 0

    def test_part_comes_back_after_a_pause_when_its_model_is_away(self, functions, plant, capsys):
        plant.models.model("b", lambda _: UnavailableError("it is away"))
        plant.accepted()
        assert functions.slot(1) == ["m0"]
        ((handle, pause),) = functions.hidden[ARN.format(name="slot-1")].items()
        assert (handle, pause) == ("h0", 4.0)
        assert functions.lines.entries == []
        assert told(capsys, "GraphPartsRetried") == [1]

    def test_one_of_two_messages_for_a_part_is_enough_when_both_are_there(self, functions, plant):
        job = plant.accepted()
        again = json.dumps({"job": job, "part": "a", "slot": 0}, indent=1)
        same = msgspec.json.encode(PartMessage(job=job, part="a", slot=0)).decode()
        answer = functions.parts.serve(records("slot-0", same, again, same), CONTEXT)
        assert answer == {"batchItemFailures": []}
        assert len(plant.models.models["a"].asked) == 1

    @pytest.mark.parametrize("body", ["", "text", "[]", '{"job": 1}', "\ud800", "{" * 2000])
    def test_message_is_let_go_when_it_names_no_part(self, functions, body):
        assert part_of(body) is None
        assert functions.parts.serve(records("slot-0", body), CONTEXT) == {"batchItemFailures": []}

    def test_message_is_let_go_when_there_is_no_such_job(self, functions):
        body = '{"job": "nothing", "part": "a", "slot": 0}'
        assert functions.parts.serve(records("slot-0", body), CONTEXT) == {"batchItemFailures": []}

    def test_part_comes_back_when_the_table_is_down(self, functions, plant):
        plant.accepted()
        plant.memory.failure = UnavailableError("the table is down")
        assert functions.slot(0) == ["m0"]

    def test_late_part_is_counted_when_the_job_has_ended(self, functions, plant, capsys):
        plant.group("a", "b", quorum=1, job_wait_s=10)
        job = plant.accepted()
        functions.slot(0)
        plant.clock.advance(11)
        functions.settler.remind(records("settle", job), CONTEXT)
        assert functions.slot(1) == []
        assert told(capsys, "GraphPartsLate") == [0, 1]
        assert len(functions.lines.entries) == 1


class TestSettling:
    def test_job_ends_with_what_is_in_when_it_is_reminded_of(self, functions, plant):
        plant.group("a", "b", quorum=1, job_wait_s=10)
        job = plant.accepted()
        functions.slot(0)
        plant.clock.advance(11)
        answer = functions.settler.remind(records("settle", job), CONTEXT)
        assert answer == {"batchItemFailures": []}
        (entry,) = functions.lines.entries
        assert (entry["status"], entry["output"]["predictions"][0]["missing"]) == (200, ["b"])
        assert plant.job(job).missing == ["b"]

    def test_reminder_comes_back_when_it_is_early(self, functions, plant):
        plant.group("a", "b", job_wait_s=10)
        job = plant.accepted()
        plant.clock.advance(4)
        answer = functions.settler.remind(records("settle", job), CONTEXT)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert functions.hidden["settle"] == {"h0": 6.0}

    def test_reminder_is_let_go_when_the_job_has_ended_or_is_gone(self, functions, plant):
        job = plant.accepted()
        functions.slot(0)
        functions.slot(1)
        answer = functions.settler.remind(records("settle", job, "0" * 26, "text"), CONTEXT)
        assert answer == {"batchItemFailures": []}
        assert len(functions.lines.entries) == 1

    def test_reminder_comes_back_when_the_table_is_down(self, functions, plant):
        job = plant.accepted()
        plant.memory.failure = UnavailableError("the table is down")
        answer = functions.settler.remind(records("settle", job), CONTEXT)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}

    def test_every_job_that_is_due_is_seen_to_when_it_sweeps(self, functions, plant):
        plant.topic.failure = UnavailableError("the topic is down")
        plant.accepted()
        plant.topic.failure = None
        plant.clock.advance(31)
        assert functions.settler.sweep(CONTEXT) == {"counts": {"sent": 1}, "left": False}
        assert plant.waiting == 2
        plant.clock.advance(300)
        assert functions.settler.sweep(CONTEXT) == {"counts": {"ended": 1}, "left": False}
        (entry,) = functions.lines.entries
        assert (entry["status"], entry["error"]) == (503, "HopUnavailableError")

    def test_job_is_put_off_and_the_error_is_counted_when_it_cannot_be_told(
        self, functions, plant, capsys
    ):
        plant.accepted()
        plant.events.failure = UnavailableError("the bus is down")
        plant.clock.advance(301)
        functions.settler.sweep(CONTEXT)
        plant.clock.advance(61)
        assert functions.settler.sweep(CONTEXT)["counts"] == {"put_off": 1}
        plant.events.failure = None
        plant.clock.advance(61)
        assert functions.settler.sweep(CONTEXT)["counts"] == {"told": 1}
        assert len(functions.lines.entries) == 1


class TestFollowing:
    @pytest.fixture
    def job(self, functions, plant) -> str:
        plant.group("u", "v", name="next")
        plant.group("a", "b", then={"a": {"graph": "next"}, "b": {"graph": "nobody"}})
        job = plant.accepted(1.5)
        functions.slot(0)
        functions.slot(1)
        return str(job)

    def event(self, job: str, member: str) -> dict[str, Any]:
        detail = {"job": job, "member": member, "state": "done", "graph": "g", "late": False}
        return {"source": "servery.graph", "detail": detail}

    def test_same_job_is_named_when_the_event_comes_again(self, functions, plant, job, capsys):
        first = functions.follower.serve(self.event(job, "a"))
        assert plant.job(first["job"]).origin == f"{job}/a"
        assert functions.follower.serve(self.event(job, "a")) == first
        assert told(capsys, "GraphJobsFollowed") == [1, 0]

    def test_error_is_raised_for_lambda_when_the_next_graph_is_not_there(self, functions, job):
        with pytest.raises(Exception, match="graph"):
            functions.follower.serve(self.event(job, "b"))

    def test_reason_is_told_when_nothing_follows(self, functions, plant, job):
        next_job = functions.follower.serve(self.event(job, "a"))["job"]
        plant.work()
        answer = functions.follower.serve(self.event(next_job, "u"))
        assert answer == {"job": "", "reason": "nothing follows it"}

    def test_nothing_happens_when_the_job_is_none_of_this_stack(self, functions):
        answer = functions.follower.serve(self.event("0" * 26, "a"))
        assert answer == {"job": "", "reason": "there is no such job"}

    @pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": {"job": 1, "member": "a"}}])
    def test_event_is_refused_when_it_names_no_member(self, functions, event):
        with pytest.raises(MalformedError):
            functions.follower.serve(event)

    def test_field_is_named_when_the_next_graph_takes_another_column(self, functions, plant, job):
        spec = {"name": "next", "steps": [{"name": "one", "model": "u"}]}
        plant.models.graph(spec, {"one": {"x": "request.y"}}, "y:float")
        with pytest.raises(InvalidInputError):
            functions.follower.serve(self.event(job, "a"))
