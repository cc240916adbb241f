"""Which calls are tried again: as botocore's own "standard" mode would decide."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.retries import standard
from servery.adapters.standard_retries import (
    RETRIED_CODES,
    RETRIED_STATUSES,
    RetryQuota,
    StandardRetries,
)

URL = "http://table"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def retries(waits):
    return StandardRetries(attempts=4, sleep=waits.append, jitter=lambda: 1.0)


def test_codes_are_those_of_botocore():
    throttled = standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    transient = standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES
    modelled = {"ReplicatedWriteConflictException"}  # of DynamoDB
    assert {*throttled, *transient} | modelled == RETRIED_CODES
    assert {*standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES} == RETRIED_STATUSES


def test_each_wait_is_twice_the_last_when_tries_fail(retries, waits):
    call = retries.call()
    answers = [call.refused(503, "") for _ in range(4)]
    assert (answers, waits, call.tried) == ([True, True, True, False], [1.0, 2.0, 4.0], 3)


@pytest.mark.parametrize(
    ("error", "again", "left"),
    [
        (ReadTimeoutError(endpoint_url=URL), True, 490),
        (ConnectTimeoutError(endpoint_url=URL), True, 490),
        (ConnectionClosedError(endpoint_url=URL), True, 495),
        (NoCredentialsError(), False, 500),
    ],
)
def test_what_is_tried_again_costs_when_there_is_no_answer(retries, error, again, left):
    assert retries.call().after(error) is again
    assert retries.quota.left == left


def test_nothing_is_tried_again_when_the_quota_is_used_up(waits):
    retries = StandardRetries(attempts=9, quota=RetryQuota(left=9), sleep=waits.append)
    assert retries.call().refused(500, "")
    assert not retries.call().refused(500, "")
    assert not retries.call().after(ReadTimeoutError(endpoint_url=URL))


def test_quota_comes_back_when_calls_succeed(retries):
    call = retries.call()
    call.refused(500, "")
    call.after(ReadTimeoutError(endpoint_url=URL))
    call.succeeded()
    assert retries.quota.left == 495
    retries.call().succeeded()
    assert retries.quota.left == 496
    for _ in range(9):
        retries.call().succeeded()
    assert retries.quota.left == 500


def test_refusal_is_final_when_trying_again_would_not_help(retries):
    assert not retries.call().refused(400, "ValidationException")
