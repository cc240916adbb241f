"""A model is slow, down, or under load: what tests do about it, and what they look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from conftest import Stack, wait_until


def states(answer: httpx.Response) -> dict[str, str]:
    """What became of each step and member."""
    return {step["name"]: step["state"] for step in answer.json()["steps"]}


def timed(ask: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    """An answer, and the seconds that its caller waited."""
    started = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - started


@contextmanager
def down(
    stack: Stack,
    model: str,
    row: dict[str, Any],
    *,
    ask: Callable[[], httpx.Response] | None = None,
) -> Iterator[None]:
    """Nobody can ask the model; afterwards it has come back, which takes its servers seconds."""
    with stack.unloadable(model):
        yield
    again = ask or (lambda: stack.infer(model, {"records": [row]}))
    wait_until(lambda: again().status_code == 200, seconds=60, what=f"{model} is back")


@contextmanager
def without_table(stack: Stack, name: str) -> Iterator[None]:
    """A table is gone; afterwards there is one of its name again, and it is empty."""
    dynamodb = stack.client("dynamodb")
    found = dynamodb.describe_table(TableName=name)["Table"]
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    dynamodb.delete_table(TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    try:
        yield
    finally:
        shape = {key: found[key] for key in ("KeySchema", "AttributeDefinitions")}
        dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **shape)
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        if attribute := expiry.get("AttributeName"):
            dynamodb.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
            )


@dataclass(frozen=True)
class Given:
    """What one request of a load was given.

    Attributes:
        began: When it was sent, seconds of the monotonic clock.
        status: Of the answer; 0 where there was none that anybody can read.
        version: Who answered.
        served_by: What the answer says of who answered.
        retry_after: The header.
        kind: Type of the problem, where it is one, or of the error of the client.
        seconds: How long it took.
    """

    began: float
    status: int
    version: str
    served_by: str
    retry_after: str
    kind: str
    seconds: float


class Load:
    """Requests one after the other, by so many hands, until told to stop; keeps what came back.

    Args:
        stack: Where.
        model: Who is asked.
        body: With what.
        hands: How many ask at the same time.
        pause: Seconds between an answer and the next request of a hand.
    """

    def __init__(
        self, stack: Stack, model: str, body: dict[str, Any], *, hands: int = 2, pause: float = 0
    ) -> None:
        self.answers: list[Given] = []
        self._pause = pause
        self._ask = lambda: stack.infer(model, body)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(hands)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, condition: Callable[[Given], bool], seconds: float) -> None:
        """Wait until the newest answer is as wanted."""
        wait_until(
            lambda: self.answers and condition(self.answers[-1]),
            seconds=seconds,
            what="the load sees the change",
        )

    def go_on(self, count: int) -> None:
        """Wait until so many more requests have been answered."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted, seconds=60, what="the load goes on")

    def _run(self) -> None:
        while not self._stop.is_set():
            self.answers.append(self._given())
            self._stop.wait(self._pause)

    def _given(self) -> Given:
        began = time.monotonic()
        try:
            answer, seconds = timed(self._ask)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:  # whoever answers, it was no service
            seconds = time.monotonic() - began
            return Given(began, 0, "", "", "", f"{type(error).__name__}: {error}", seconds)
        return Given(
            began=began,
            status=answer.status_code,
            version=body.get("model_version", ""),
            served_by=body.get("served_by", ""),
            retry_after=answer.headers.get("retry-after", ""),
            kind=body.get("type", ""),
            seconds=seconds,
        )
