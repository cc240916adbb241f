"""The queue of copies in the process: bounded, sent after the response, and never in the way."""

from __future__ import annotations

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError
from fakes.clock import EPOCH, SetClock
from fakes.object_store import MemoryObjectStore
from servery.adapters.sqs_shadow_queue import MOST_CALL_BYTES, MOST_MESSAGE_BYTES, SqsShadowQueue
from servery.errors import UnavailableError
from servery.ports import ShadowCopy
from servery.ports.shadows import ShadowMessage


class FakeSqs:
    """Takes messages but for those that a test has refused."""

    def __init__(self, *refused):
        self.refused = set(refused)
        self.down = False
        self.calls = []

    def send_message_batch(self, *, QueueUrl, Entries):  # noqa: N803
        if self.down:
            raise EndpointConnectionError(endpoint_url="http://sqs")
        self.calls.append([entry["MessageBody"] for entry in Entries])
        return {"Failed": [{"Id": e["Id"]} for e in Entries if e["Id"] in self.refused]}

    @property
    def messages(self):
        return [msgspec.json.decode(m, type=ShadowMessage) for call in self.calls for m in call]


def a_copy(name="r", size=10):
    return ShadowCopy(
        model="iris",
        revision=1,
        request_id=name,
        shadow="b",
        version="a",
        body="x" * size,
        base64=False,
        answer="{}",
        latency_ms=1.0,
    )


@pytest.fixture
def lost():
    return []


@pytest.fixture
def lake():
    return MemoryObjectStore()


@pytest.fixture
def make(lost, lake):
    def make(sqs, **bounds):
        return SqsShadowQueue(
            lambda: sqs,
            "url",
            documents=lambda: lake,
            clock=SetClock(),
            entropy=iter(f"n{n}" for n in range(1000)).__next__,
            lost=lost.append,
            **bounds,
        )

    return make


def test_copy_is_whole_when_it_was_sent(make, lost):
    sqs = FakeSqs()
    queue = make(sqs)
    queue.send(a_copy("r-1"))
    queue.flush(1)
    (message,) = sqs.messages
    assert message == ShadowMessage(id="n0", at=EPOCH.timestamp(), copy=a_copy("r-1"))
    assert lost == []


def test_nobody_is_called_when_nothing_waits(make):
    def never():
        raise AssertionError

    SqsShadowQueue(
        never,
        "url",
        documents=never,
        clock=SetClock(),
        entropy=never,
        lost=never,
    ).flush(1)


def test_large_copy_lies_in_the_lake_when_a_message_cannot_have_it(make, lake):
    sqs = FakeSqs()
    queue = make(sqs)
    queue.send(a_copy(size=MOST_MESSAGE_BYTES))
    queue.flush(1)
    (message,) = sqs.messages
    assert (message.copy, message.document) == (None, "shadows/n0.json")
    kept = msgspec.json.decode(lake.get("shadows/n0.json"), type=ShadowCopy)
    assert kept == a_copy(size=MOST_MESSAGE_BYTES)


def test_calls_stay_in_the_limits_when_there_are_many(make, lost):
    sqs = FakeSqs()
    queue = make(sqs)
    for number in range(25):
        queue.send(a_copy(str(number), size=60_000))
    queue.flush(10)
    assert [m.copy.request_id for m in sqs.messages] == [str(n) for n in range(25)]
    assert max(len(call) for call in sqs.calls) <= 10
    assert max(sum(map(len, call)) for call in sqs.calls) <= MOST_CALL_BYTES
    assert lost == []


@pytest.mark.parametrize("bounds", [{"most": 2}, {"most_bytes": 30}])
def test_copies_without_room_are_counted_when_the_queue_is_full(make, lost, bounds):
    sqs = FakeSqs()
    queue = make(sqs, **bounds)
    for number in range(5):
        queue.send(a_copy(str(number)))
    queue.flush(1)
    assert len(sqs.messages) == 2
    assert lost == [3]


def test_lost_copies_are_counted_and_nothing_raises_when_sqs_is_down(make, lost):
    sqs = FakeSqs()
    queue = make(sqs)
    sqs.down = True
    queue.send(a_copy())
    queue.flush(1)
    assert lost == [1]
    sqs.down = False
    queue.send(a_copy("later"))
    queue.flush(1)
    assert [m.copy.request_id for m in sqs.messages] == ["later"]
    assert lost == [1]


def test_what_sqs_refuses_is_counted(make, lost):
    queue = make(FakeSqs("1"))
    for number in range(3):
        queue.send(a_copy(str(number)))
    queue.flush(1)
    assert lost == [1]


def test_others_are_sent_when_the_lake_takes_no_large_copy(make, lost, lake, monkeypatch):
    def refuse(key, content):
        raise UnavailableError("no")

    monkeypatch.setattr(lake, "put", refuse)
    sqs = FakeSqs()
    queue = make(sqs)
    queue.send(a_copy("large", size=MOST_MESSAGE_BYTES))
    queue.send(a_copy("small"))
    queue.flush(1)
    assert [m.copy.request_id for m in sqs.messages] == ["small"]
    assert lost == [1]


def test_nothing_is_sent_when_there_is_no_time(make, lost):
    sqs = FakeSqs()
    queue = make(sqs)
    queue.send(a_copy())
    queue.flush(0)
    assert (sqs.calls, lost) == ([], [1])
