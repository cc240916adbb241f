"""P3: requests a second and core, one row each, over loopback.

The gateway with the model server behind it, against MLServer and BentoML serving the same fitted
pipeline: as they come, tuned, and gathering requests that come together. What counts is the
processor's time of the serving processes; whoever asks is not counted.

Of ours that is the process of the gateway and that of the model server, each with Lambda's own
runtime client and its HTTP, the call from one to the other, and what is done after the response.
API Gateway and Lambda's service, which take HTTP from the caller, belong to no process of ours and
are not counted; the others have their HTTP in their own. Ours writes each request and its answer to
the prediction log, which the others do not; tuned, it samples none. Lambda has an environment for
each request that is under way, so there are as many of each function as the machine has processors,
and each is asked one request after the other.

    sh infra/bootstrap.sh servers
    python -m benchmarks.served_load [--requests 400] [--rounds 5] [--at-once 16] [--json]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.http_servers import (
    DEFAULTS,
    GATHERING,
    TUNED,
    HttpServer,
    Plan,
    bentoml,
    bentoml_body,
    mlserver,
    mlserver_body,
)
from benchmarks.report import Report, show
from benchmarks.rounds import ratio, said, take_turns, timing
from benchmarks.served_models import ESTIMATORS, LOGISTIC, ServedModel, proxy_event, served_model
from benchmarks.whole_path import WholePath

OURS = "gateway and model server"
UNLOGGED = f"{OURS}, tuned"
GOAL = 2.0
ENVIRONMENTS = os.cpu_count() or 1
_WARM = 20


def contestants(
    model: ServedModel, scratch: Path, stack: ExitStack, requests: int, at_once: int
) -> dict[str, Callable[[], float]]:
    """What each measures of itself: processor seconds for a request."""
    event = proxy_event(model.records())
    found: dict[str, Callable[[], float]] = {}
    for name, sample in ((OURS, 1.0), (UNLOGGED, 0.0)):
        paths = [stack.enter_context(WholePath(model, sample)) for _ in range(ENVIRONMENTS)]
        for path in paths * _WARM:
            answer = path.ask(event)
            assert answer["statusCode"] == 200, answer
        found[name] = lambda paths=paths: _side_by_side(paths, event, requests)
    plans: list[tuple[Plan, bytes]] = []
    for way in (DEFAULTS, TUNED, GATHERING):
        plans.append((mlserver(model, way, scratch), mlserver_body(model, 1)))
        plans.append((bentoml(model, way, scratch), bentoml_body(model, 1)))
    for plan, body in plans:
        server = stack.enter_context(HttpServer(plan, scratch))
        server.repeat(body, _WARM, 1)
        found[plan.name] = lambda server=server, body=body: server.repeat(body, requests, at_once)
    return found


def _side_by_side(paths: list[WholePath], event: bytes, requests: int) -> float:
    """Processor seconds for a request, of environments that are asked at the same time."""
    each = requests // len(paths)
    with ThreadPoolExecutor(len(paths)) as pool:
        spent = list(pool.map(lambda path: path.repeat(event, each), paths))
    return sum(spent) / len(spent)


def report(
    name: str, requests: int, rounds: int, at_once: int, taken: dict[str, list[float]]
) -> Report:
    """The figures."""
    rivals = [each for each in taken if each not in {OURS, UNLOGGED}]
    others = {
        f"{ours} to {each}": ratio(taken[each], taken[ours])
        for each in rivals
        for ours in (OURS, UNLOGGED)
        if (ours == OURS) is each.endswith(DEFAULTS)
    }
    return Report(
        title=f"P3: one row a request, {name}; requests a second and core over loopback",
        notes=[
            f"{rounds} rounds in turns of {requests} requests each, after one that counts not.",
            f"The others have {at_once} requests at once; ours {ENVIRONMENTS},",
            "each in environments of its own, as Lambda does it.",
        ],
        columns=["", "requests/s and core", "slowest", "fastest"],
        rows=[[each, *_speeds(seconds)] for each, seconds in taken.items()],
        verdicts=[
            f"{each}: {said(found)} times as many (goal: {GOAL:g})."
            for each, found in others.items()
        ],
        figures={
            "model": name,
            "seconds": taken,
            "times": {each: found.median for each, found in others.items()},
        },
    )


def _speeds(seconds: list[float]) -> list[str]:
    spread = timing(seconds)
    return [f"{1 / each:,.0f}" for each in (spread.median, spread.high, spread.low)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--models", nargs="+", choices=list(ESTIMATORS), default=[LOGISTIC])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    reports = []
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            model = served_model(name, Path(folder))
            asked = contestants(model, Path(folder), stack, given.requests, given.at_once)
            taken = take_turns(asked, given.rounds)
        reports.append(report(name, given.requests, given.rounds, given.at_once, taken))
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
