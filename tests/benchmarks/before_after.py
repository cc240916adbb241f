"""The hot path against itself at another commit: both take turns in one run.

The gateway and the model server behind it, and the model server alone, out of this checkout and out
of another one; see `served_load` for what is counted.

    git worktree add /tmp/before COMMIT
    python -m benchmarks.before_after /tmp/before [--rows 1] [--requests 100] [--rounds 9] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.one_function import OneFunction
from benchmarks.report import Report, show
from benchmarks.rounds import cells, ratio, said, take_turns
from benchmarks.served_models import ESTIMATORS, LOGISTIC, ServedModel, proxy_event, served_model
from benchmarks.whole_path import WholePath

BEFORE, AFTER = "before", "after"
WHOLE, ALONE = "gateway and model server", "model server"
_WARM = 20


def contestants(
    model: ServedModel, before: Path, rows: int, requests: int, stack: ExitStack
) -> dict[str, Callable[[], float]]:
    """What each measures of itself: processor seconds for a request."""
    outside, inside = proxy_event(model.records(rows)), model.event(model.records(rows))
    found: dict[str, Callable[[], float]] = {}
    for when, checkout in ((BEFORE, before), (AFTER, None)):
        path = stack.enter_context(WholePath(model, checkout=checkout))
        server = stack.enter_context(OneFunction(model.in_image().out_of(checkout)))
        for _ in range(_WARM):
            answer = path.ask(outside)
            server.ask(inside)
        assert answer["statusCode"] == 200, answer
        found[f"{WHOLE}, {when}"] = lambda path=path: path.repeat(outside, requests)
        found[f"{ALONE}, {when}"] = lambda server=server: server.repeat(inside, requests).processor
    return found


def report(
    name: str, rows: int, requests: int, rounds: int, taken: dict[str, list[float]]
) -> Report:
    """The figures."""
    times = {
        each: ratio(taken[f"{each}, {BEFORE}"], taken[f"{each}, {AFTER}"])
        for each in (WHOLE, ALONE)
    }
    return Report(
        title=f"Before and after: {rows} rows, {name}; processor time of the functions' processes",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=[f"{each}: before {said(found)} times as much." for each, found in times.items()],
        figures={
            "model": name,
            "rows": rows,
            "seconds": taken,
            "times": {each: found.median for each, found in times.items()},
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path, help="a checkout of the other commit")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", choices=list(ESTIMATORS), default=LOGISTIC)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        model = served_model(given.model, Path(folder))
        asked = contestants(model, given.before, given.rows, given.requests, stack)
        taken = take_turns(asked, given.rounds)
    show([report(given.model, given.rows, given.requests, given.rounds, taken)], as_json=given.json)


if __name__ == "__main__":
    main()
