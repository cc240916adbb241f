"""A shadow is asked too, later: the caller never knows, and the comparison is there."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of
from trouble import timed

CALM_SECONDS = 5.0  # far below the deadline, far above an answer of a warm server
DEADLINE_MS = 9000
Policies = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Pair:
    """A model with a champion, and a candidate that always says the same."""

    name: str
    champion: str
    constant: str


@pytest.fixture(scope="module")
def pair(stack: Stack) -> Pair:
    """Both are served, for every test that does not count from the first request."""
    return made(stack)


@pytest.fixture
def untouched(stack: Stack) -> Pair:
    """Both are served, and nobody has asked them yet."""
    return made(stack)


def made(stack: Stack) -> Pair:
    """Train and release both."""
    name = f"shadowed-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris", name=name)
    first = stack.train(spec)
    params = {"strategy": "constant", "constant": "virginica"}
    dummy = {"class": "sklearn.dummy.DummyClassifier", "params": params}
    second = stack.train({**spec, "estimator": dummy, "gates": {}})
    released = [
        stack.release(name, version=first["version"], **{"as": "champion"}),
        stack.release(name, version=second["version"], **{"as": "candidate"}),
    ]
    assert [r["state"] for r in released] == ["succeeded"] * 2, released
    pair = Pair(name, *(str(r["released_as"]) for r in released))
    for version in (pair.champion, pair.constant):
        warm = lambda v=version: stack.infer(name, {"records": [{}]}, version=v).status_code == 422  # noqa: E731
        wait_until(warm, seconds=90, what=f"{version} answers")
    return pair


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """All flowers."""
    return rows_of("iris", 150)[0]


def compared(
    stack: Stack, pair: Pair, enough: Callable[[dict[str, Any]], bool], *, seconds: float = 90
) -> dict[str, Any]:
    """The report of the command, once it has enough."""

    def look() -> dict[str, Any] | None:
        reports = stack.json("compare", pair.name)
        found = [r for r in reports if r["shadow"] == pair.constant]
        return found[0] if found and enough(found[0]) else None

    return dict(wait_until(look, seconds=seconds, what="the comparison is there"))


def test_answers_are_compared_and_nobody_notices_when_a_shadow_is_set(
    stack: Stack, untouched: Pair, policies: Policies, rows: list[dict[str, Any]]
) -> None:
    pair = untouched
    names = list(rows[0])
    packed = {
        "name": "input",
        "datatype": "FP64",
        "shape": [len(rows), len(names)],
        "data": [[row[n] for n in names] for row in rows],
    }
    bodies = ({"records": rows}, {"inputs": [packed]})
    plain = [stack.infer(pair.name, body).json() for body in bodies]
    policies(pair.name, routing={"shadow": {"version": pair.constant}})

    for number, (body, before) in enumerate(zip(bodies, plain, strict=True), 1):
        answer = stack.infer(pair.name, body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-model-version"] == pair.champion
        assert answer.headers["x-served-by"] == "champion"
        same = ("predictions", "outputs", "model_version")
        assert [answer.json().get(n) for n in same] == [before.get(n) for n in same]
        # One after the other: two at once would need a second process, which may be late.
        report = compared(
            stack, pair, lambda r, n=number: r["requests"] + sum(r["failed"].values()) >= n
        )
    said = Counter(row["class"] for row in plain[0]["predictions"])
    assert (report["requests"], report["rows"], report["failed"]) == (2, 2 * len(rows), {})
    assert report["agreed"] == 2 * said["virginica"]
    agreement = report["agreement"]
    assert agreement["low"] < agreement["value"] < agreement["high"]
    by_class = {each["answered"]: each for each in report["classes"]}
    assert {name: each["rows"] for name, each in by_class.items()} == {
        name: 2 * count for name, count in said.items()
    }
    assert by_class["setosa"]["shadow"] == {"virginica": 2 * said["setosa"]}
    assert report["latency_ms"]["count"] == report["shadow_latency_ms"]["count"] == 2
    shown = stack.run("compare", pair.name).stdout
    assert "Agreement" in shown
    assert pair.constant in shown


@pytest.mark.slow
def test_only_the_share_is_copied_when_it_is_not_all(
    stack: Stack, pair: Pair, policies: Policies, rows: list[dict[str, Any]]
) -> None:
    policies(pair.name, routing={"shadow": {"version": pair.constant, "share": 0.0}})
    before = stack.json("compare", pair.name)
    for _ in range(5):
        assert stack.infer(pair.name, {"records": rows[:1]}).status_code == 200
    policies(pair.name, routing={"shadow": {"version": pair.constant, "share": 1.0}})
    stack.infer(pair.name, {"records": rows[:1]})
    known = sum(r["requests"] for r in before)
    report = compared(stack, pair, lambda r: r["requests"] > known)
    assert report["requests"] == known + 1


@pytest.mark.slow
def test_large_request_is_compared_when_no_message_could_hold_it(
    stack: Stack, pair: Pair, policies: Policies, rows: list[dict[str, Any]]
) -> None:
    policies(pair.name, routing={"shadow": {"version": pair.constant}})
    before = sum(r["rows"] for r in stack.json("compare", pair.name))
    many = (rows * 7)[:1000]
    answer = stack.infer(pair.name, {"records": many})
    assert answer.status_code == 200, answer.text
    assert len(answer.content) > 100_000
    report = compared(stack, pair, lambda r: r["rows"] >= before + len(many), seconds=300)
    assert report["rows"] == before + len(many)


@pytest.mark.slow
@pytest.mark.needs("local_processes")
class TestTrouble:
    def test_caller_sees_nothing_when_the_shadow_is_far_too_slow(
        self, stack: Stack, pair: Pair, policies: Policies, rows: list[dict[str, Any]]
    ) -> None:
        body = {"records": rows[:1]}
        parts = {"deadline_ms": DEADLINE_MS, "routing": {"shadow": {"version": pair.constant}}}
        policies(pair.name, **parts)
        assert stack.infer(pair.name, body, version=pair.constant).status_code == 200
        with frozen(stack, pair, pair.constant):
            answered = [timed(lambda: stack.infer(pair.name, body)) for _ in range(4)]
            report = compared(stack, pair, slow, seconds=120)
        for answer, seconds in answered:
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-served-by"] == "champion"
            assert seconds < CALM_SECONDS
        assert report["failed"]["DeadlineExceededError"] >= 1

    def test_caller_sees_nothing_when_the_shadow_cannot_load_its_model(
        self, stack: Stack, pair: Pair, policies: Policies, rows: list[dict[str, Any]]
    ) -> None:
        body = {"records": rows[:1]}
        policies(pair.name, routing={"shadow": {"version": pair.constant}})
        before = sum(failures(r) for r in stack.json("compare", pair.name))
        with unloadable(stack, pair):
            answered = [timed(lambda: stack.infer(pair.name, body)) for _ in range(4)]
            report = compared(stack, pair, lambda r: failures(r) >= before + 4)
        for answer, seconds in answered:
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-model-version"] == pair.champion
            assert seconds < CALM_SECONDS
        assert report["failed"]["ShadowFailedError"] >= 4


def failures(report: dict[str, Any]) -> int:
    """Requests without a comparison."""
    return int(sum(report["failed"].values()))


def slow(report: dict[str, Any]) -> bool:
    """Whether a deadline has been seen to pass."""
    return bool(report["failed"].get("DeadlineExceededError"))


@contextmanager
def frozen(stack: Stack, pair: Pair, version: str) -> Iterator[None]:
    """The server of one version answers nobody; that of the champion is as ever."""
    candidates = stack.deployment(pair.name)["candidates"]
    (number,) = [
        c["server"]["function_version"] for c in candidates if c["ref"]["version"] == version
    ]
    ours = stack.processes_of(
        "PredictorFunction", SERVERY_MODEL=pair.name, AWS_LAMBDA_FUNCTION_VERSION=str(number)
    )
    assert ours, "no server of the shadow is warm"
    for process in ours:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in ours:
            with suppress(ProcessLookupError):  # the cloud has given it up meanwhile
                os.kill(process, signal.SIGCONT)


@contextmanager
def unloadable(stack: Stack, pair: Pair) -> Iterator[None]:
    """Nobody can load the shadow's model; the champion's is there."""
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]
    (candidate,) = stack.deployment(pair.name)["candidates"]
    prefix = candidate["ref"]["prefix"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/model.")
    (key,) = [entry["Key"] for entry in listed["Contents"]]
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    crash(stack, pair)
    try:
        well = lambda: stack.infer(pair.name, {"records": [{}]}).status_code == 422  # noqa: E731
        wait_until(well, seconds=60, what="the champion is back")
        empty = {"records": [{}]}
        lost = lambda: stack.infer(pair.name, empty, version=pair.constant).status_code == 503  # noqa: E731
        wait_until(lost, seconds=60, what="the shadow says that it has no model")
        yield
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        crash(stack, pair)


def crash(stack: Stack, pair: Pair) -> None:
    """End the servers of both versions, also those that the cloud ends meanwhile."""
    for process in stack.servers_of(pair.name):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
