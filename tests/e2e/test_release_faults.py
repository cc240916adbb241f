"""Releases that something goes wrong with: the champion answers, and the record says what happened.

One model under continuous requests. Its release is stopped after each state of the machine, and
everything that a release needs fails once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Stack, wait_until
from releasing import OPEN, QUICK, STATES, Releases
from test_lifecycle import rows_of
from throttling import Registry, denied, goes_on, throttleable
from trouble import Load

pytestmark = pytest.mark.slow
DENIED = pytest.mark.needs("iam_enforcement")  # for what a function may not do for a while

BY_DEFAULT = "by its stages"
WAYS = {
    "AskApproval": "by an approval",
    "RollBack": "to a refusal",
    "Ended": "to a refusal",
    "Done": "to a refusal",
    "RollBackAfter": "to a fault",
    "Failed": "to a fault",
    "Lost": "to nowhere",
}
"""How a release comes to a state; to every other one by its stages."""
ENDS = {
    "Begin": {"failed", "rolled_back"},
    "Gate": {"failed", "rolled_back"},
    "Passed": {"failed", "rolled_back"},
    "AskApproval": {"failed", "rolled_back"},
    "Crown": {"succeeded"},
    "RetireOld": {"succeeded"},
    "RollBack": {"refused"},
    "Ended": {"refused"},
    "Done": {"refused"},
    "RollBackAfter": {"failed"},
    "Failed": {"failed"},
    "Lost": {"failed"},
}
"""How one ends that is stopped after a state: PutUp may have shown it by then or not yet; from
there on it is rolled back."""
SAID = {
    "to a refusal": "worse by",
    "to a fault": "is not the one that",
    BY_DEFAULT: "its execution stopped",
    "by an approval": "its execution stopped",
    "to nowhere": "its execution stopped",
}
ESTIMATOR = {"class": "sklearn.tree.DecisionTreeClassifier"}
STUMP = {"class": "sklearn.dummy.DummyClassifier", "params": {"strategy": "most_frequent"}}


@dataclass(frozen=True)
class Versions:
    """What is released: two that pass, in turn, and others that do not.

    Attributes:
        good: Two whose stages pass.
        asking: One that a person has to approve.
        worse: One that the gate refuses.
        corrupt: One whose file is not the one that was registered.
        untried: One that has never had a server.
    """

    good: tuple[str, str]
    asking: str
    worse: str
    corrupt: str
    untried: str


@pytest.fixture(scope="module")
def releases(stack: Stack) -> Releases:
    return Releases(stack, f"faults-{uuid.uuid4().hex[:6]}")


@pytest.fixture(scope="module")
def versions(releases: Releases) -> Versions:
    """All of them trained, the first of the good ones released."""

    def trained(depth: int, **release: Any) -> dict[str, Any]:
        estimator = ESTIMATOR | {"params": {"max_depth": depth}} if depth else STUMP
        return releases.trained(estimator=estimator, release=release)

    first, second = (trained(depth, **QUICK)["version"] for depth in (3, 4))
    corrupt = trained(5, **QUICK)
    corrupted(releases.stack, releases.model, corrupt)
    made = Versions(
        good=(first, second),
        asking=trained(6, approval=["always"], **QUICK)["version"],
        worse=trained(0, compare=True)["version"],
        corrupt=corrupt["version"],
        untried=trained(7, **QUICK)["version"],
    )
    assert releases.over(releases.begun(first))["state"] == "succeeded"
    return made


def corrupted(stack: Stack, model: str, trained: dict[str, Any]) -> None:
    """Turn a byte of the model's file around."""
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]
    prefix = f"models/{model}/{trained['version']}/{trained['training']}/model."
    (entry,) = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    content = bytearray(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    content[len(content) // 2] ^= 0xFF
    s3.put_object(Bucket=bucket, Key=entry["Key"], Body=bytes(content))


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    records, _ = rows_of("iris", 150)
    return {"records": [records[i] for i in (0, 75, 149)]}


@pytest.fixture
def next_one(releases: Releases, versions: Versions) -> str:
    """Which of the two good ones is not champion, or is to be it again."""
    champion, _ = releases.answering()
    found = releases.stack.http.get(f"/models/{releases.model}/versions/{champion}").json()
    now = found["version"]["promoted_from"]
    return next(version for version in versions.good if version != now)


@contextmanager
def no_request_failed(releases: Releases, body: dict[str, Any]) -> Iterator[Load]:
    """Requests go on all the time, before and after what happens, and each is answered."""
    with Load(releases.stack, releases.model, body, hands=1, pause=0.02) as load:
        load.go_on(3)
        yield load
        load.go_on(3)
    failed = [given for given in load.answers if given.status != 200]
    assert failed == []


def looked_after(releases: Releases, release: dict[str, Any]) -> dict[str, Any]:
    """The record once the sweep has looked, and nobody's version stands beside the champion."""

    def quiet() -> dict[str, Any] | None:
        releases.swept()
        record = releases.record(release)
        return None if record["state"] in OPEN or releases.answering()[1] else record

    return dict(wait_until(quiet, seconds=60, what=f"release {release['id']} is looked after"))


def version_for(way: str, versions: Versions, good: str) -> str:
    return {
        "by an approval": versions.asking,
        "to a refusal": versions.worse,
        "to a fault": versions.corrupt,
    }.get(way, good)


@pytest.mark.parametrize(
    "state",
    [pytest.param(s, marks=DENIED) if WAYS.get(s) == "to nowhere" else s for s in STATES],
)
def test_champion_answers_and_the_record_tells_when_the_execution_is_stopped_after(
    releases: Releases, versions: Versions, next_one: str, body: dict[str, Any], state: str
) -> None:
    before, _ = releases.answering()
    way = WAYS.get(state, BY_DEFAULT)
    with no_request_failed(releases, body):
        if way == "to nowhere":
            release = lost(releases, next_one)
        else:
            release = releases.begun(version_for(way, versions, next_one))
            if way == "by an approval":
                releases.reaches(release, "waiting")
                releases.stack.run("release", "approve", releases.model, release["id"])
            releases.stop_after(release, state)
        record = looked_after(releases, release)
        champion, _ = releases.answering()

    assert record["state"] in ENDS.get(state, {"rolled_back"}), record
    assert record["steps"]
    assert record["finished"]
    if record["state"] == "succeeded":
        assert champion == record["released_as"] != before
    else:
        assert champion == before
        assert SAID[way] in record["reason"]


def lost(releases: Releases, version: str) -> dict[str, Any]:
    """A release whose function may not write the registry, to roll it back neither."""
    with denied(releases.stack, "ReleaseRunFunction", "dynamodb:*"):
        release = releases.begun(version)
        releases.stop_after(release, "Lost")
    return release


@pytest.mark.needs("stop_while_waiting")
def test_champion_answers_and_the_record_tells_when_it_is_stopped_while_it_waits_for_a_person(
    releases: Releases, versions: Versions, body: dict[str, Any]
) -> None:
    before = releases.answering()
    with no_request_failed(releases, body):
        release = releases.begun(versions.asking)
        releases.reaches(release, "waiting")
        releases.stop(release)
        record = looked_after(releases, release)

    assert (record["state"], "its execution stopped" in record["reason"]) == ("failed", True)
    assert releases.answering() == before
    answer = f"/models/{releases.model}/releases/{release['id']}/approval"
    assert releases.stack.http.post(answer, json={"approve": True}).status_code == 409


@pytest.mark.parametrize("mode", ["load", "image"])
def test_champion_answers_and_the_record_tells_when_the_artifact_is_corrupt(
    releases: Releases, versions: Versions, body: dict[str, Any], mode: str
) -> None:
    before = releases.answering()
    with no_request_failed(releases, body):
        record = releases.over(releases.begun(versions.corrupt, mode=mode))

    assert record["state"] == "failed", record
    assert "is not the one that" in record["reason"]
    assert releases.answering() == before


@DENIED
def test_champion_answers_and_the_record_tells_when_the_new_server_is_not_ready(
    releases: Releases, versions: Versions, body: dict[str, Any]
) -> None:
    before = releases.answering()
    with (
        no_request_failed(releases, body),
        denied(releases.stack, "PredictorFunction", "s3:GetObject"),
    ):
        record = releases.over(releases.begun(versions.untried))

    assert record["state"] == "failed", record
    assert "is not ready" in record["reason"]
    assert releases.answering() == before


def answers(releases: Releases, body: dict[str, Any]) -> None:
    """Wait until a gateway answers that has its settings of now."""
    wait_until(
        lambda: releases.stack.infer(releases.model, body).status_code == 200,
        seconds=60,
        what="the gateway answers with its other settings",
    )


@pytest.fixture(scope="class")
def registry(releases: Releases, versions: Versions, body: dict[str, Any]) -> Iterator[Registry]:
    """What the gateway and all states of a release reach the registry by."""
    functions = [f"Release{name}Function" for name in ("Route", "Gate", "Run", "Judge")]
    with throttleable(releases.stack, "GatewayFunction", *functions) as between:
        answers(releases, body)
        yield between
    answers(releases, body)


class TestThrottledRegistry:
    """Both who releases and who answers find a registry that takes no more."""

    @pytest.mark.parametrize("stage", ["shadow", "canary"])
    def test_release_goes_on_when_it_passes(
        self,
        releases: Releases,
        registry: Registry,
        next_one: str,
        body: dict[str, Any],
        stage: str,
    ) -> None:
        with no_request_failed(releases, body):
            release = releases.begun(next_one)
            releases.in_stage(stage)
            with registry.throttled():
                goes_on(registry, seconds=4)
            record = releases.over(release)

        assert record["state"] == "succeeded", record
        assert releases.answering() == (record["released_as"], None)

    def test_record_tells_when_it_is_stopped_meanwhile(
        self, releases: Releases, registry: Registry, next_one: str, body: dict[str, Any]
    ) -> None:
        before = releases.answering()
        with no_request_failed(releases, body):
            release = releases.begun(next_one)
            releases.in_stage("canary")
            with registry.throttled():
                goes_on(registry, seconds=3)
                releases.stop(release)
            record = looked_after(releases, release)

        assert record["state"] == "rolled_back", record
        assert "its execution stopped" in record["reason"]
        assert releases.answering() == before
