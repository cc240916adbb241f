"""What the local cloud does otherwise than the release that it is made of."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from devkit.ministack import (
    counting_workers,
    naming_errors,
    permitting_batches,
    raised_class,
    remembering_version,
    telling_version,
)
from servery.errors import FaultError, InvalidInputError, RejectedError


def trace_of(error: Exception, cause: Exception | None = None) -> str:
    try:
        try:
            if cause is not None:
                raise cause
        except Exception as inner:
            raise error from inner
        raise error
    except Exception:
        return "a line of the log\n" + traceback.format_exc()


@pytest.mark.parametrize(
    ("log", "name"),
    [
        (trace_of(RejectedError("no\nValueError: not this")), "RejectedError"),
        (trace_of(FaultError(""), InvalidInputError("before")), "FaultError"),
        (trace_of(KeyError("x")), "KeyError"),
        ("no traceback at all", None),
        ("", None),
    ],
)
def test_the_class_is_the_one_that_left_the_handler(log: str, name: str | None) -> None:
    assert raised_class(log) == name


def test_only_nameless_errors_are_named_when_a_function_ends() -> None:
    log = trace_of(RejectedError("no"))
    results = [
        {"error": True, "body": {"errorType": "Runtime.HandlerError"}, "log": log},
        {"error": True, "body": {"errorType": "Sandbox.Timedout"}, "log": log},
        {"body": {"errorType": "Runtime.HandlerError"}, "log": log},
        {"error": True, "body": {"errorType": "Runtime.HandlerError"}, "log": ""},
    ]
    run = naming_errors(lambda _function, _event, _request: results.pop(0))
    named = [run({}, {}, "r")["body"]["errorType"] for _ in range(4)]
    assert named == [
        "RejectedError",
        "Sandbox.Timedout",
        "Runtime.HandlerError",
        "Runtime.HandlerError",
    ]


def test_the_limit_of_workers_is_a_number_when_it_comes_from_a_parameter() -> None:
    def limit(mapping: dict, *_: object) -> int:
        return min(mapping["ScalingConfig"].get("MaximumConcurrency", 5), 100)

    of = counting_workers(limit)

    assert of({"ScalingConfig": {"MaximumConcurrency": "10"}}, {}, {}, None) == 10
    assert of({"ScalingConfig": {"MaximumConcurrency": 7}}, {}, {}, None) == 7
    assert of({"ScalingConfig": None}, {}, {}, None) == 5


def test_ten_messages_need_what_one_needs_when_permissions_are_asked_for() -> None:
    of = permitting_batches(lambda headers: headers.get("action"))

    assert of({"action": "SendMessageBatch"}) == "SendMessage"
    assert of({"action": "ChangeMessageVisibilityBatch"}) == "ChangeMessageVisibility"
    assert of({"action": "PutRecordBatch"}) == "PutRecordBatch"
    assert of({}) is None
    query = permitting_batches(lambda params, body, kind: params["Action"])
    assert query({"Action": "PublishBatch"}, b"", "form") == "Publish"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("Runtime.HandlerError", "Worker process died"),
        ("BrokenPipeError", "[Errno 32] Broken pipe"),
        ("RuntimeError", "Worker process exited immediately. stderr: "),
        ("RuntimeError", "No JSON init response from worker"),
    ],
)
def test_process_has_exited_when_it_died_after_logging_an_error(named: str, told: str) -> None:
    result = {
        "error": True,
        "body": {"errorType": named, "errorMessage": told},
        "log": trace_of(RejectedError("logged, not raised")),
    }
    run = naming_errors(lambda _function, _event, _request: result)
    assert run({}, {}, "r")["body"]["errorType"] == "Runtime.ExitError"


def test_version_is_told_when_an_object_was_written_in_a_versioned_bucket() -> None:
    heard: list[dict[str, Any]] = []
    dispatch = telling_version(heard.append)

    def fire(source: str, *, version_id: str | None = None) -> None:
        dispatch({"Source": source, "Detail": json.dumps({"object": {"key": "k"}})})

    told = remembering_version(fire)
    told("aws.s3", version_id="v1")
    told("aws.s3")
    told("other", version_id="v2")
    dispatch({"Source": "aws.s3", "Detail": json.dumps({"object": {"key": "k"}})})

    objects = [json.loads(event["Detail"])["object"] for event in heard]
    assert objects == [{"key": "k", "version-id": "v1"}, {"key": "k"}, {"key": "k"}, {"key": "k"}]
