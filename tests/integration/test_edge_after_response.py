"""Work after the response, whatever the runtime around it does."""

from __future__ import annotations

import queue
import time
from types import SimpleNamespace

import pytest
from fakes.lambda_platform import LambdaPlatform
from servery.adapters.extensions_api import ExtensionsApi
from servery.edge.after_response import GRACE_SECONDS, WORK_SECONDS, AfterResponse
from servery.edge.http import Response

FIRST = SimpleNamespace(aws_request_id="aws-1")
SECOND = SimpleNamespace(aws_request_id="aws-2")


@pytest.fixture
def worked():
    """The seconds that each piece of work was given."""
    return queue.Queue()


@pytest.fixture
def platform():
    platform = LambdaPlatform()
    yield platform
    platform.close()


def serve(event, context):
    return {"statusCode": 200}


def test_work_waits_when_lambda_waits_and_the_response_is_still_held(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    assert after.registered
    platform.announce("aws-1")
    response = after.around(serve, {}, FIRST)
    with pytest.raises(queue.Empty):
        worked.get(timeout=GRACE_SECONDS / 2)
    del response
    worked.get(timeout=5)
    platform.wait_for("extension next", 2)


def test_work_is_done_all_the_same_when_the_runtime_never_lets_go(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    platform.announce("aws-1", seconds=60)
    started = time.monotonic()
    response = after.around(serve, {}, FIRST)
    worked.get(timeout=5)
    assert time.monotonic() - started < GRACE_SECONDS + 2
    assert response["statusCode"] == 200


def test_work_is_done_when_the_handler_fails(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    platform.announce("aws-1", seconds=60)
    with pytest.raises(ZeroDivisionError):
        after.around(lambda event, context: 1 / 0, {}, FIRST)
    worked.get(timeout=5)


def test_thread_lives_on_when_the_work_fails(platform, worked):
    def work(seconds):
        worked.put(seconds)
        raise ZeroDivisionError

    after = AfterResponse(work, ExtensionsApi(platform.address)).start()
    for number, context in enumerate((FIRST, SECOND), start=1):
        platform.announce(context.aws_request_id)
        after.around(serve, {}, context)
        worked.get(timeout=5)
        platform.wait_for("extension next", number + 1)


def test_work_fits_the_time_that_the_function_has_left(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    platform.announce("aws-1", seconds=2)
    after.around(serve, {}, FIRST)
    assert worked.get(timeout=5) < 1.6
    platform.announce("aws-2", seconds=60)
    after.around(serve, {}, SECOND)
    assert worked.get(timeout=5) == WORK_SECONDS


def test_work_goes_on_when_an_invocation_was_given_up(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    platform.announce("aws-lost", seconds=0.1)
    worked.get(timeout=5)
    platform.announce("aws-1")
    after.around(serve, {}, FIRST)
    worked.get(timeout=5)
    platform.wait_for("extension next", 3)


@pytest.mark.parametrize("api", [None, ExtensionsApi("127.0.0.1:1")])
def test_plain_thread_works_at_once_when_there_is_nobody_to_register_with(worked, api):
    after = AfterResponse(worked.put, api).start()
    assert not after.registered
    response = after.around(serve, {}, FIRST)
    assert worked.get(timeout=5) == WORK_SECONDS
    assert isinstance(response, Response)


def test_plain_thread_works_when_the_extensions_api_fails_later(platform, worked):
    after = AfterResponse(worked.put, ExtensionsApi(platform.address)).start()
    platform.announce("aws-1")
    after.around(serve, {}, FIRST)
    worked.get(timeout=5)
    platform.fail_events()
    after.around(serve, {}, SECOND)
    worked.get(timeout=5)
    assert not after.registered
