"""The queue in front of Firehose: bounds, batches, tries, and the count of what is lost."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError
from servery.adapters.firehose_batches import MOST_BATCH_BYTES, MOST_LINE_BYTES
from servery.adapters.firehose_prediction_log import FirehosePredictionLog


class FakeFirehose:
    """Takes records but for those that a test has refused, call by call."""

    def __init__(self, *refused: int) -> None:
        self.refused = list(refused)
        self.down = False
        self.batches: list[list[bytes]] = []
        self.taken: list[bytes] = []

    def put_record_batch(self, *, DeliveryStreamName, Records):  # noqa: N803
        lines = [record["Data"] for record in Records]
        self.batches.append(lines)
        if self.down:
            raise EndpointConnectionError(endpoint_url="http://firehose")
        refused = self.refused.pop(0) if self.refused else 0
        self.taken += lines[refused:]
        answers = [{"ErrorCode": "ServiceUnavailable"}] * refused
        return {
            "FailedPutCount": refused,
            "RequestResponses": answers + [{"RecordId": "1"}] * (len(lines) - refused),
        }


def record(log, line: bytes) -> None:
    log.record(lambda: line, len(line) + 1)


@pytest.fixture
def lost():
    return []


@pytest.fixture
def make(lost):
    def make(firehose, **bounds):
        return FirehosePredictionLog(
            lambda: firehose, "stream", lost=lost.append, pause=lambda seconds: None, **bounds
        )

    return make


def test_lines_end_and_keep_their_order_when_they_are_written(make, lost):
    firehose = FakeFirehose()
    log = make(firehose)
    for line in (b"1", b"2", b"3"):
        record(log, line)
    log.flush(1)
    assert firehose.batches == [[b"1\n", b"2\n", b"3\n"]]
    assert lost == []


def test_nothing_is_called_when_nothing_waits(make, lost):
    firehose = FakeFirehose()
    make(firehose).flush(1)
    assert (firehose.batches, lost) == ([], [])


def test_only_what_was_refused_is_tried_again(make, lost):
    firehose = FakeFirehose(2, 1)
    log = make(firehose)
    for line in (b"1", b"2", b"3"):
        record(log, line)
    log.flush(10)
    assert [len(batch) for batch in firehose.batches] == [3, 2, 1]
    assert sorted(firehose.taken) == [b"1\n", b"2\n", b"3\n"]
    assert lost == []


def test_batches_stay_in_the_limits_when_there_are_many_lines(make):
    firehose = FakeFirehose()
    log = make(firehose)
    for _ in range(1100):
        record(log, b"x")
    log.flush(10)
    assert [len(batch) for batch in firehose.batches] == [500, 500, 100]


def test_batches_stay_in_the_limits_when_lines_are_long(make):
    firehose = FakeFirehose()
    log = make(firehose)
    for _ in range(9):
        record(log, b"x" * 1_000_000)
    log.flush(10)
    assert sum(len(batch) for batch in firehose.batches) == 9
    assert all(sum(map(len, batch)) <= MOST_BATCH_BYTES for batch in firehose.batches)


def test_line_is_lost_when_firehose_could_not_take_it(make, lost):
    log = make(FakeFirehose())
    record(log, b"x" * MOST_LINE_BYTES)
    record(log, b"x" * (MOST_LINE_BYTES - 1))
    log.flush(1)
    assert lost == [1]


@pytest.mark.parametrize(("bounds", "kept"), [({"most_lines": 3}, 3), ({"most_bytes": 8}, 4)])
def test_lines_are_lost_when_the_queue_is_full(make, lost, bounds, kept):
    firehose = FakeFirehose()
    log = make(firehose, **bounds)
    for _ in range(10):
        record(log, b"x")
    log.flush(1)
    assert (len(firehose.taken), lost) == (kept, [10 - kept])
    record(log, b"x")
    log.flush(1)
    assert (len(firehose.taken), lost) == (kept + 1, [10 - kept])


def test_lines_are_lost_and_counted_when_firehose_is_down(make, lost):
    firehose = FakeFirehose()
    firehose.down = True
    log = make(firehose)
    for _ in range(600):
        record(log, b"x")
    log.flush(0.02)
    assert lost == [600]
    assert len(firehose.batches) > 1
    firehose.down = False
    record(log, b"y")
    log.flush(1)
    assert (firehose.taken, lost) == ([b"y\n"], [600])


def test_line_is_lost_and_counted_when_it_cannot_be_written(make, lost):
    firehose = FakeFirehose()
    log = make(firehose)

    def fail() -> bytes:
        raise ValueError("no line")

    log.record(fail, 10)
    record(log, b"y")
    log.flush(1)
    assert (firehose.taken, lost) == ([b"y\n"], [1])


def test_nothing_is_written_out_when_it_is_only_queued(make):
    log = make(FakeFirehose())
    log.record(lambda: pytest.fail("that is for after the response"), 10)


def test_memory_is_bounded_as_it_is_stated_when_nobody_flushes(make, lost):
    log = make(FakeFirehose())
    for _ in range(2_100):
        record(log, b"x")
    log.flush(10)
    assert lost == [100]
    for _ in range(20):
        log.record(lambda: b"x", 1024 * 1024)
    log.flush(10)
    assert lost == [100, 4]
