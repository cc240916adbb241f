"""Publishing with SnapStart: a version takes calls only when its snapshot is there."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from fakes.records import a_ref
from servery.adapters.lambda_server_publisher import SNAPSHOT_SECONDS, LambdaServerPublisher
from servery.domain.deployment import Server
from servery.domain.manifest import Runtime
from servery.domain.spec import Mode
from servery.errors import FaultError, UnavailableError

SERVER = Server(function="predictor:7", function_version="7", code="c", mode=Mode.IMAGE)
ON = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
OFF = {"ApplyOn": "None", "OptimizationStatus": "Off"}
PENDING = {"State": "Pending", "StateReasonCode": "Creating"}


class Told:
    """A client of Lambda that tells these configurations one after the other."""

    def __init__(self, *configurations):
        self._left = chain(configurations[:-1], repeat(configurations[-1]))
        self.asked = []

    def get_function_configuration(self, *, FunctionName):  # noqa: N803 - as botocore has it
        self.asked.append(FunctionName)
        return next(self._left)


def a_publisher(client, pauses=None):
    return LambdaServerPublisher(
        client,
        "predictor",
        "preprocessor",
        core_layer="core:1",
        runtime_layers={Runtime.ONNX: ["onnx:1"]},
        model_layers=None,
        pause=(pauses if pauses is not None else []).append,
    )


def test_release_waits_minutes_when_a_snapshot_is_taken():
    pauses = []
    pending, active = {**PENDING, "SnapStart": ON}, {"State": "Active", "SnapStart": ON}
    client = Told(*[pending] * 200, active)

    a_publisher(client, pauses).settle(SERVER)

    assert client.asked == ["predictor:7"] * 201
    assert sum(pauses) > 180


def test_unavailable_when_the_snapshot_takes_too_long():
    pauses = []
    client = Told({**PENDING, "SnapStart": ON})

    with pytest.raises(UnavailableError, match="snapshot is not there yet"):
        a_publisher(client, pauses).settle(SERVER)

    assert SNAPSHOT_SECONDS - 10 < sum(pauses) <= SNAPSHOT_SECONDS


def test_release_goes_on_waiting_when_it_is_tried_again():
    pending, active = {**PENDING, "SnapStart": ON}, {"State": "Active", "SnapStart": ON}
    publisher = a_publisher(Told(*[pending] * (SNAPSHOT_SECONDS + 1), active))
    with pytest.raises(UnavailableError):
        publisher.settle(SERVER)

    publisher.settle(SERVER)


def test_wait_is_as_short_as_before_when_no_snapshot_is_taken():
    pauses = []

    with pytest.raises(UnavailableError, match=r"takes too long to become ready$"):
        a_publisher(Told({**PENDING, "SnapStart": OFF}), pauses).settle(SERVER)

    assert sum(pauses) < 120


def test_release_is_told_why_when_no_snapshot_could_be_taken():
    reason = "Function failed to initialise: FaultError"
    failed = {"State": "Failed", "StateReason": reason, "SnapStart": ON}

    with pytest.raises(FaultError, match=reason):
        a_publisher(Told({**PENDING, "SnapStart": ON}, failed)).settle(SERVER)


@pytest.mark.parametrize("untold", [OFF, None])
def test_servers_are_behind_when_snapshots_are_turned_on(untold):
    before = {"CodeSha256": "abc", **({"SnapStart": untold} if untold else {})}
    after = {"CodeSha256": "abc", "SnapStart": {**ON, "OptimizationStatus": "Off"}}
    version = {"CodeSha256": "abc", "SnapStart": ON}

    codes = [a_publisher(Told(config)).code(Runtime.ONNX) for config in (before, after, version)]

    assert codes[0] != codes[1]
    assert codes[1] == codes[2]  # of the function itself, and of what is published from it


def test_code_stays_what_it_was_when_snapshots_are_off():
    codes = {
        a_publisher(Told({"CodeSha256": "abc", **more})).code(a_ref().runtime)
        for more in ({}, {"SnapStart": OFF})
    }

    assert len(codes) == 1
