"""Firehose without an SDK: what is put arrives, what is refused is told."""

from __future__ import annotations

from functools import partial

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from fakes.aws_stub import AwsStub
from fakes.clock import SetClock
from servery.adapters.firehose_prediction_log import FirehosePredictionLog
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_json import FIREHOSE, LeanJson
from servery.adapters.sigv4 import Credentials
from servery.adapters.standard_retries import StandardRetries


@pytest.fixture
def stub():
    stub = AwsStub()
    yield stub
    stub.close()


def lean(address):
    return LeanJson(
        service=FIREHOSE,
        connections=KeptConnections(address),
        region="eu-central-1",
        credentials=lambda: Credentials("testing", "testing", "token"),
        clock=SetClock(),
        connect_s=1.0,
        read_s=2.0,
        retries=StandardRetries(attempts=1),
    )


def put(firehose, *lines):
    records = [{"Data": line} for line in lines]
    return firehose.put_record_batch(DeliveryStreamName="predictions", Records=records)


def test_records_arrive_as_they_are_when_they_are_put(stub):
    answer = put(lean(stub.url), b'{"a": 1}\n', b"\xff\n")

    assert stub.records == [b'{"a": 1}\n', b"\xff\n"]
    assert answer["FailedPutCount"] == 0


def test_lines_that_are_refused_are_put_again_when_the_log_is_flushed(stub):
    stub.refused = [1]
    lost = []
    log = FirehosePredictionLog(lambda: lean(stub.url), "predictions", lost=lost.append)
    for line in (b"1", b"2"):
        log.record(partial(bytes, line), len(line))

    log.flush(5)

    assert (sorted(stub.records), lost) == ([b"1\n", b"2\n"], [])


def test_lines_are_counted_as_lost_when_firehose_fails(stub):
    stub.broken = True
    lost = []
    log = FirehosePredictionLog(lambda: lean(stub.url), "predictions", lost=lost.append)
    log.record(lambda: b"1", 1)

    log.flush(0.2)

    assert (lost, stub.records) == ([1], [])


def test_refusal_is_raised_when_firehose_fails(stub):
    stub.broken = True

    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        put(lean(stub.url), b"1\n")


def test_address_is_told_when_nobody_listens():
    with pytest.raises(EndpointConnectionError):
        put(lean("http://127.0.0.1:1"), b"1\n")
