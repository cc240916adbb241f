"""Copies become lines of the lake: whatever the shadow does, it is written down once."""

from __future__ import annotations

import json

import msgspec
import pytest
from fakes.clock import EPOCH, SetClock
from fakes.job_plant import Context
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.comparisons import Comparison
from servery.domain.deployment import Served
from servery.edge.shadows import ShadowComparer
from servery.errors import (
    DeadlineExceededError,
    FaultError,
    ModelServerError,
    ThrottledError,
    UnavailableError,
)
from servery.ports import ShadowCopy
from servery.ports.shadows import ShadowMessage
from servery.usecases.monitoring.comparing import STALE_SECONDS, ComparePorts, compare

CHAMPION, SHADOW = "1.1.0-dabc1234.sdef5678", "1.1.1-dabc1234.sdef5678"
ANSWER = '{"predictions":[{"class":"a"},{"class":"b"}],"cache":"miss"}'


def a_copy(**changes):
    values = {
        "model": "iris",
        "revision": 3,
        "request_id": "r-1",
        "shadow": SHADOW,
        "version": CHAMPION,
        "body": '{"records":[{"x":1},{"x":2}]}',
        "base64": False,
        "answer": ANSWER,
        "latency_ms": 12.5,
    }
    return ShadowCopy(**(values | changes))


def a_message(copy=None, name="c-1", at=None, **changes):
    message = ShadowMessage(
        id=name, at=EPOCH.timestamp() if at is None else at, copy=copy or a_copy(**changes)
    )
    return msgspec.json.encode(message).decode()


def said(*classes, status=200, **more):
    body = json.dumps({"predictions": [{"class": each} for each in classes]})
    return lambda event: {"status": status, "body": body, "model_ms": 0.25, **more}


class Room:
    """A comparer with a deployment whose candidate is the shadow."""

    def __init__(self, unlogged=()):
        self.clock = SetClock()
        self.registry = MemoryRegistry()
        shadow = Served(ref=a_ref(SHADOW), server=a_server(2), unlogged=list(unlogged))
        self.registry.put_deployment(a_deployment(candidates=[shadow]))
        self.servers = FakeModelServers(answer=said("a", "a"))
        self.lake = MemoryObjectStore()
        self.ports = ComparePorts(
            deployments=KeptDeployments(self.registry, self.clock),
            servers=self.servers,
            lake=self.lake,
            clock=self.clock,
            entropy=iter(f"{n:02d}" for n in range(100)).__next__,
        )

    def compare(self, *messages, receives=1, seconds=300.0):
        return compare(dict.fromkeys(messages, receives), self.ports, seconds=lambda: seconds)

    @property
    def lines(self):
        contents = map(self.lake.get, self.lake.keys("comparisons/"))
        lines = [line for content in contents for line in content.splitlines()]
        return [msgspec.json.decode(line, type=Comparison) for line in lines]


@pytest.fixture
def room():
    return Room()


class TestLine:
    def test_both_answers_are_beside_each_other_when_the_shadow_answers(self, room):
        done = room.compare(a_message())
        (line,) = room.lines
        assert (line.rows, line.agreed, line.classes) == (2, 1, [("a", "a"), ("b", "a")])
        assert (line.version, line.shadow, line.revision) == (CHAMPION, SHADOW, 3)
        assert (line.request_id, line.id, line.day) == ("r-1", "c-1", "2026-03-01")
        assert (line.latency_ms, line.shadow_model_ms, line.cache) == (12.5, 0.25, "miss")
        assert line.shadow_latency_ms > 0
        assert (line.status, line.error, done.back) == (200, "", {})
        assert list(room.lake.objects) == ["comparisons/model=iris/day=2026-03-01/120000-00.jsonl"]

    def test_shadow_is_asked_what_was_asked_and_nobody_may_stand_in(self, room):
        room.compare(a_message(base64=True, body="eyJ9", pair="p"))
        (asked,) = room.servers.asked
        assert asked.server.function == "predictor:2"
        assert asked.timeout == 10.0
        assert asked.event["ref"]["version"] == SHADOW
        expected = {"verb": "infer", "exact": True, "body": "eyJ9", "base64": True, "pair": "p"}
        assert expected.items() <= asked.event.items()

    def test_one_object_for_each_day_when_there_are_many(self, room):
        room.clock.set(EPOCH.replace(hour=0, minute=10))
        midnight = room.clock.now().timestamp() - 600
        room.compare(*(a_message(name=str(n), at=midnight + n) for n in (-5, 5, 6)))
        days = {key: room.lake.get(key).count(b"\n") for key in room.lake.objects}
        assert days == {
            "comparisons/model=iris/day=2026-02-28/235955-00.jsonl": 1,
            "comparisons/model=iris/day=2026-03-01/000005-01.jsonl": 2,
        }

    def test_classes_are_left_out_when_the_target_is_personal(self):
        room = Room(unlogged=["output"])
        room.compare(a_message())
        (line,) = room.lines
        assert (line.classes, line.rows, line.agreed) == (None, 2, 1)

    def test_large_copy_is_read_where_it_lies(self, room):
        room.lake.put("shadows/x.json", msgspec.json.encode(a_copy()))
        message = ShadowMessage(id="c", at=EPOCH.timestamp(), document="shadows/x.json")
        room.compare(msgspec.json.encode(message).decode())
        assert room.lines[0].agreed == 1


class TestTrouble:
    @pytest.mark.parametrize(
        ("failure", "error"),
        [
            (DeadlineExceededError("model server", 10), "DeadlineExceededError"),
            (ModelServerError("it crashed"), "ModelServerError"),
        ],
    )
    def test_failure_is_written_down_at_once_when_the_shadow_is_slow_or_crashes(
        self, room, failure, error
    ):
        room.servers.answer = lambda event: failure
        done = room.compare(a_message())
        (line,) = room.lines
        assert (line.error, line.rows, line.status, done.back) == (error, 0, 0, {})

    @pytest.mark.parametrize(
        ("status", "error"), [(422, "ShadowRefusedError"), (503, "ShadowFailedError")]
    )
    def test_status_is_written_down_when_the_shadow_refuses(self, room, status, error):
        room.servers.answer = said(status=status)
        room.compare(a_message())
        assert (room.lines[0].status, room.lines[0].error) == (status, error)

    @pytest.mark.parametrize(
        ("body", "error"),
        [('{"predictions":[{"value":1.0}]}', "IncomparableError"), ("{}", "IncomparableError")],
    )
    def test_incomparable_when_the_shadow_answers_something_else(self, room, body, error):
        room.servers.answer = lambda event: {"status": 200, "body": body}
        room.compare(a_message())
        assert room.lines[0].error == error

    def test_unreadable_when_the_shadow_says_what_nobody_knows(self, room):
        room.servers.answer = lambda event: {"what": "ever"}
        room.compare(a_message())
        assert room.lines[0].error == "ModelServerError"

    def test_nothing_is_compared_when_the_server_has_another_model(self, room):
        room.servers.answer = lambda event: {"status": 409, "mismatch": True}
        room.compare(a_message())
        assert room.lines[0].error == "ModelServerError"

    @pytest.mark.parametrize("failure", [ThrottledError("busy"), UnavailableError("not reached")])
    def test_asked_again_and_in_the_end_written_down_when_the_shadow_cannot_be_asked(
        self, room, failure
    ):
        room.servers.answer = lambda event: failure
        message = a_message()
        assert room.compare(message, receives=1).back == {message: 30.0}
        assert room.compare(message, receives=2).back == {message: 30.0}
        assert room.lines == []
        assert room.compare(message, receives=3).back == {}
        assert [line.error for line in room.lines] == [type(failure).__name__]

    def test_others_are_compared_when_one_fails(self, room):
        def answer(event):
            bad = event["request_id"] == "bad"
            return UnavailableError("no") if bad else said("a", "b")(event)

        room.servers.answer = answer
        bad = a_message(name="c-0", request_id="bad")
        done = room.compare(bad, a_message())
        assert list(done.back) == [bad]
        assert [line.request_id for line in room.lines] == ["r-1"]

    def test_all_come_back_when_the_lake_takes_nothing(self, room, monkeypatch):
        def refuse(key, content):
            raise FaultError("no")

        monkeypatch.setattr(room.lake, "put", refuse)
        messages = [a_message(name=str(n)) for n in range(3)]
        done = room.compare(*messages)
        assert (set(done.back), done.lines) == (set(messages), [])
        assert [type(error) for _, error in done.errors] == [FaultError]

    def test_nobody_is_asked_when_there_is_no_time_left(self, room):
        message = a_message()
        assert room.compare(message, seconds=11.0).back == {message: 0.0}
        assert room.servers.asked == []


class TestDropped:
    def test_unasked_when_a_copy_is_older_than_an_hour(self, room):
        room.clock.advance(STALE_SECONDS + 1)
        done = room.compare(a_message())
        assert (done.dropped, done.back, room.servers.asked) == (["iris"], {}, [])

    def test_unasked_when_nobody_serves_the_shadow_any_more(self, room):
        done = room.compare(a_message(shadow="1.1.2-dabc1234.sdef5678"))
        assert (done.dropped, done.back) == (["iris"], {})

    def test_asked_when_the_kept_record_is_older_than_the_shadow(self, room):
        newer = "1.1.2-dabc1234.sdef5678"
        room.ports.deployments.get("iris")
        served = Served(ref=a_ref(newer), server=a_server(3))
        room.registry.put_deployment(a_deployment(revision=2, candidates=[served]))
        assert room.compare(a_message(shadow=newer)).dropped == []
        assert room.lines[0].shadow == newer

    def test_unasked_when_a_large_copy_is_gone(self, room):
        message = ShadowMessage(id="c", at=EPOCH.timestamp(), document="shadows/gone.json")
        done = room.compare(msgspec.json.encode(message).decode())
        assert (done.dropped, done.back) == ([""], {})


class TestQueue:
    def event(self, *bodies):
        records = [
            {
                "messageId": f"m{n}",
                "receiptHandle": f"h{n}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for n, body in enumerate(bodies)
        ]
        return {"Records": records}

    def test_only_what_is_not_done_comes_back_when_an_event_is_served(self, room, capsys):
        def answer(event):
            bad = event["request_id"] == "bad"
            return UnavailableError("no") if bad else said("a", "a")(event)

        room.servers.answer = answer
        hidden = {}
        comparer = ShadowComparer(room.ports, hidden.update)
        event = self.event(a_message(), "what is this", a_message(name="c-2", request_id="bad"))
        back = comparer.serve(event, Context("i", seconds=300))
        assert back == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
        assert hidden == {"h2": 30.0}
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (metrics,) = [line for line in told if "ShadowCompared" in line]
        assert (metrics["model"], metrics["ShadowCompared"]) == ("iris", 1)
        assert (metrics["ShadowRows"], metrics["ShadowDisagreed"]) == (2, 1)

    def test_failures_and_drops_are_counted_when_there_are_some(self, room, capsys):
        room.servers.answer = said(status=500)
        old = a_message(name="old", at=EPOCH.timestamp() - STALE_SECONDS - 1)
        ShadowComparer(room.ports, lambda _: None).serve(
            self.event(a_message(), old), Context("i", seconds=300)
        )
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (metrics,) = [line for line in told if "ShadowCompared" in line]
        counted = [metrics[f"Shadow{name}"] for name in ("Compared", "Failed", "Dropped")]
        assert counted == [0, 1, 1]
