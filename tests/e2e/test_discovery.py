"""Who answers once the record has changed: found everywhere in seconds, and never by halves."""

from __future__ import annotations

import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import Stack, wait_until
from test_batch import as_csv, drop, outputs
from test_batch import ended as batch_ended
from test_jobs import ended as job_ended
from test_jobs import submit
from test_lifecycle import rows_of

MODEL = "iris-discovery"
FOUND_SECONDS = 5.0
SWAPS = 6
PICKED = (0, 75, 149)

Answer = tuple[str, tuple[str, ...]]
"""Who answered, and the class of each row."""


@dataclass
class Way:
    """One way of asking, used over and over in a thread of its own.

    Attributes:
        name: What it is called.
        ask: Asks once.
        answers: When each was sent, when it was answered, and what.
        failures: What went wrong.
    """

    name: str
    ask: Callable[[], Answer]
    answers: list[tuple[float, float, Answer]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        while not stop.is_set():
            sent = time.monotonic()
            try:
                answer = self.ask()
            except (AssertionError, KeyError) as error:
                self.failures.append(repr(error))
            else:
                self.answers.append((sent, time.monotonic(), answer))

    def found(self, version: str, since: float) -> tuple[float, float] | None:
        """When the first request after then was sent that a version has answered, and when it did.

        In seconds from then; None where there is none yet.
        """
        for sent, over, (who, _) in self.answers:
            if who == version and sent >= since:
                return sent - since, over - since
        return None

    def late(self, version: str, since: float, until: float) -> list[float]:
        """How long after then requests were sent that another version has answered."""
        return [
            sent - since
            for sent, _, (who, _) in self.answers
            if since <= sent < until and who != version
        ]


@pytest.fixture(scope="module")
def expected(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Champion and last good one, whose answers differ: what each says of three flowers."""
    spec = stack.spec("iris", name=MODEL)
    spec["serving"] = {
        **spec.get("serving", {}),
        "deadline_ms": 25_000,
    }  # servers may have to start
    found = {}
    truth = rows_of("iris", 150)[1]
    constant = {
        "class": "sklearn.dummy.DummyClassifier",
        "params": {"strategy": "constant", "constant": "virginica"},
    }
    for changes, classes in (
        ({}, tuple(truth[place] for place in PICKED)),
        ({"estimator": constant, "gates": {}}, ("virginica",) * len(PICKED)),
    ):
        trained = stack.train(spec | changes)
        assert trained["outcome"] == "registered", trained
        record = stack.release(MODEL, version=trained["version"])
        assert record["state"] == "succeeded", record
        found[record["released_as"]] = classes
    return found


@contextmanager
def asking(*ways: Way) -> Iterator[None]:
    """All ways are used at the same time."""
    stop = threading.Event()
    threads = [threading.Thread(target=way.run, args=(stop,), daemon=True) for way in ways]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def rows() -> list[dict[str, Any]]:
    records = rows_of("iris", 150)[0]
    return [records[place] for place in PICKED]


def by_gateway(stack: Stack) -> Callable[[], Answer]:
    def ask() -> Answer:
        answer = stack.infer(MODEL, {"records": rows()})
        assert answer.status_code == 200, answer.text
        return _whole(answer.json())

    return ask


def by_graph(stack: Stack, graph: str) -> Callable[[], Answer]:
    def ask() -> Answer:
        answer = stack.ask(graph, *rows())
        assert answer.status_code == 200, answer.text
        body = answer.json()
        (step,) = body["steps"]
        return step["model_version"], tuple(row["class"] for row in body["predictions"])

    return ask


def by_job(stack: Stack) -> Callable[[], Answer]:
    def ask() -> Answer:
        accepted = submit(stack, MODEL, {"records": rows()})
        assert accepted.status_code == 202, accepted.text
        job = job_ended(stack, accepted.json()["id"])
        assert job["state"] == "done", job
        return _whole(job["result"])

    return ask


def by_batch(stack: Stack) -> Answer:
    """Who predicts a file that is dropped now."""
    name = uuid.uuid4().hex  # the same rows again would be skipped
    flowers = [{"flower": f"{name}-{place}", **row} for place, row in enumerate(rows())]
    named = {"servery-id-columns": '["flower"]'}
    source = drop(stack, MODEL, f"{name}.csv", as_csv(flowers), **named)
    batch = batch_ended(stack, source)
    assert batch["state"] == "succeeded", batch
    said = tuple(row["prediction"] for row in outputs(stack, batch))
    return batch["model_version"], said


def _whole(body: dict[str, Any]) -> Answer:
    """Who answered all of a document; every row says it of itself."""
    assert {row["model_version"] for row in body["predictions"]} == {body["model_version"]}
    return body["model_version"], tuple(row["class"] for row in body["predictions"])


@dataclass
class Figures:
    """What was measured of one way, a figure for each swap.

    Attributes:
        found: Seconds from the change to when the first request was sent that the new version
            answered.
        answered: The same to its answer, for which a server may have to start first.
        late: The same to when requests were sent that the old one answered.
    """

    found: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def see(self, way: Way, version: str, since: float) -> None:
        """Wait until the version has answered, and as long again as it may take at the most."""
        what = f"{way.name} finds {version}"
        sent, over = wait_until(lambda: way.found(version, since), seconds=60, what=what)
        self.found.append(sent)
        self.answered.append(over)
        wait_until(lambda: time.monotonic() > since + FOUND_SECONDS, seconds=30, what="time goes")
        self.late += way.late(version, since, time.monotonic())

    def __str__(self) -> str:
        return (
            f"found after {statistics.median(self.found):.2f} s (median), "
            f"{max(self.found):.2f} s (most); answered after "
            f"{statistics.median(self.answered):.2f} s, {max(self.answered):.2f} s; the last "
            f"request that went to the old one was sent after {max(self.late, default=0.0):.2f} s"
        )


@pytest.mark.slow
def test_new_champion_answers_everywhere_within_seconds_and_wholly(
    stack: Stack, expected: dict[str, tuple[str, ...]], register: Callable[..., str]
) -> None:
    graph = register({"name": "flower", "model": MODEL})
    ways = [
        Way("gateway", by_gateway(stack)),
        Way("graph", by_graph(stack, graph)),
        Way("job", by_job(stack)),
    ]
    figures = {way.name: Figures() for way in ways}
    with asking(*ways):
        for way in ways:
            wait_until(lambda way=way: way.answers, seconds=60, what=f"{way.name} answers")
        for swap in range(SWAPS):
            changed = stack.http.post(f"/models/{MODEL}/rollback", json={"reason": str(swap)})
            since = time.monotonic()
            assert changed.status_code == 200, changed.text
            version = changed.json()["champion"]["ref"]["version"]
            if swap % 3 == 0:  # a file that is dropped at once is predicted by the new one
                assert by_batch(stack) == (version, expected[version])
            for way in ways:
                figures[way.name].see(way, version, since)

    for way in ways:
        print(f"{way.name}: {figures[way.name]}; {len(way.answers)} answers")  # noqa: T201
    for way in ways:
        assert way.failures == []
        for _, _, (who, said) in way.answers:
            assert said == expected[who], f"{way.name}: {who} answered {said}"
    # By when requests were sent that the old one still answered, and not by the first that the new
    # one did: a way asks one after the other, and a server that has to start holds up the next.
    for name, each in figures.items():
        assert max(each.late, default=0.0) <= FOUND_SECONDS, (name, each.late)
