"""One of several models is slow, or down: what tests do about it, and what they look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
