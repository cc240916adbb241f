"""Requests that never stop: sent at a steady rate over HTTP, their answers held against the truth.

Nothing is asked twice: a request that fails has failed. What was true of a row is told to the API
a moment after the answer, as somebody would who has looked at the bottle.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from devkit.demo_lifecycle_timeline import Asked
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devkit.api import Api

NOISE = 0.02
_LABELS = 500
_PATIENCE = 20.0


@dataclass
class Rows:
    """What the callers ask about: real rows, each measured anew.

    Attributes:
        rows: Each row's inputs and what is true of it.
        seed: Of what is drawn.
        shift: Column to what its values are multiplied by; the truth stays as it is.
    """

    rows: Sequence[tuple[Mapping[str, float], str]]
    seed: int = 0
    shift: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret
        self._lock = threading.Lock()

    def draw(self) -> tuple[dict[str, float], str]:
        """A row with an error of measurement of 2 %, and what is true of it."""
        with self._lock:
            record, truth = self._random.choice(self.rows)
            measured = {
                name: round(value * (1 + NOISE * self._random.gauss(0.0, 1.0)), 4)
                for name, value in record.items()
            }
        return {name: v * self.shift.get(name, 1.0) for name, v in measured.items()}, truth


class Traffic:
    """Callers of a model, from entering to leaving.

    Args:
        http: A client of the API, which takes calls of several threads.
        labels: The API, for what was true.
        model: Who is asked.
        rows: About what.
        per_second: How many requests are sent in a second, by all callers together.
        callers: How many there are; each waits for its answer before it asks again.
    """

    def __init__(
        self,
        http: httpx.Client,
        labels: Api,
        model: str,
        rows: Rows,
        *,
        per_second: float = 5.0,
        callers: int = 3,
    ) -> None:
        self.rows = rows
        self._http, self._labels, self._model = http, labels, model
        self._pause, self._callers = callers / per_second, callers
        self._asked: list[Asked] = []
        self._untold: deque[dict[str, str]] = deque()
        self._told = 0
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._began = time.monotonic()

    def __enter__(self) -> Traffic:
        for number in range(self._callers):
            self._start(self._ask_on, number * self._pause / self._callers)
        self._start(self._tell_on)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more, wait for the answers that are on their way, and tell of them too."""
        self._over.set()
        deadline = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._tell()

    @property
    def asked(self) -> list[Asked]:
        """Every request so far that has its answer, in the order of the answers."""
        return list(self._asked)

    @property
    def told(self) -> int:
        """How many labels the API has taken."""
        return self._told

    def began(self, at: float) -> None:
        """Count the time from this moment of the monotonic clock."""
        self._began = at

    def _start(self, work: Any, *arguments: float) -> None:  # noqa: ANN401 - a method
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ask_on(self, offset: float) -> None:
        due = time.monotonic() + offset
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self._ask()
            # A caller that was kept waiting goes on from here, and makes up for nothing.
            due = max(due + self._pause, time.monotonic())

    def _ask(self) -> None:
        record, truth = self.rows.draw()
        started = time.monotonic()
        try:
            answer = self._http.post(f"/v2/models/{self._model}/infer", json={"records": [record]})
            asked = self._answered(answer, truth, started)
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            asked = self._of(started, 0, said=f"{type(error).__name__}: {error}"[:200])
        self._asked.append(asked)

    def _answered(self, answer: httpx.Response, truth: str, started: float) -> Asked:
        """An answer; one of status 200 that cannot be read counts as none."""
        if answer.status_code != httpx.codes.OK:
            return self._of(started, answer.status_code, said=answer.text[:200])
        content = answer.json()
        label = {"request_id": str(content["request_id"]), "label": truth}
        right = content["predictions"][0]["class"] == truth
        found = self._of(started, 200, version=str(content["model_version"]), right=right)
        self._untold.append(label)
        return found

    def _of(self, started: float, status: int, **more: Any) -> Asked:  # noqa: ANN401
        took = time.monotonic() - started
        return Asked(at=started - self._began, seconds=took, status=status, **more)

    def _tell_on(self) -> None:
        while not self._over.wait(1.0):
            self._tell()

    def _tell(self) -> None:
        """Tell what was true; what could not be told is told later."""
        telling = [self._untold.popleft() for _ in range(min(_LABELS, len(self._untold)))]
        if not telling:
            return
        try:
            self._labels.post("/labels", {"model": self._model, "labels": telling})
            self._told += len(telling)
        except DevkitError:
            self._untold.extendleft(reversed(telling))
