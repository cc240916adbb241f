"""P6: a cold start of the front functions, from the start of the process to the first answer.

Each function of the template that has no layer but the library's and answers the API; against one
with all of Powertools and with its clients of AWS made at import, as many are written. What is
asked needs nothing of AWS: it is the start that is measured.

    python -m benchmarks.front_start [--rounds 9] [--functions Gateway ...] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from architecture.functions import Function, functions
from fakes.template import template

from benchmarks.cold_functions import COLUMNS, compile_ours, first_answer, ratios, rows_of
from benchmarks.one_function import Spent, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import said, take_turns
from benchmarks.served_models import HANDLERS

USUAL = "all of Powertools, clients at import"
CLIENTS = "dynamodb,lambda,firehose"
GOAL = 2.0
LIVE = json.dumps(
    {
        "resource": "/v2/health/live",
        "path": "/v2/health/live",
        "httpMethod": "GET",
        "headers": {"accept": "application/json"},
        "multiValueHeaders": {},
        "requestContext": {"requestId": "r-1", "stage": "prod", "path": "/prod/v2/health/live"},
        "pathParameters": None,
        "queryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
    }
).encode()


def fronts() -> dict[str, Function]:
    """The front functions that answer the API, by the name of their room."""
    return {
        each.logical_id.removesuffix("Function"): each
        for each in functions()
        if each.front and _answers(each.properties.get("Events", {}))
    }


def subject(function: Function) -> Subject:
    """The function with the settings of the template: defaults of parameters, or a name."""
    declared = function.properties.get("Environment", {}).get("Variables", {})
    settings = {name: _value(value) for name, value in declared.items()}
    return Subject(function.properties["Handler"], function.folder, settings)


def _value(declared: Any) -> str:
    if isinstance(declared, dict):
        parameter = template()["Parameters"].get(str(declared.get("Ref")), {})
        return str(parameter.get("Default", "placeholder"))
    return str(declared)


def _answers(events: dict[str, Any]) -> bool:
    return any(event["Type"] == "Api" for event in events.values())


def report(rounds: int, taken: dict[str, list[Spent]]) -> Report:
    """The figures."""
    verdicts, times = [], {}
    for name, spent in taken.items():
        if name != USUAL:
            by_clock, by_processor = ratios(taken[USUAL], spent)
            times[name] = [by_clock.median, by_processor.median]
            verdicts.append(
                f"The usual one, of {name}: {said(by_clock)} times by the clock, "
                f"{by_processor.median:.2f} by the processor (goal: {GOAL:g})."
            )
    return Report(
        title="P6: cold start of the front functions to the first answer",
        notes=[f"{rounds} rounds in turns, each with new processes, after one that counts not."],
        columns=COLUMNS,
        rows=rows_of(taken),
        verdicts=verdicts,
        figures={
            "seconds": {
                each: [[one.clock, one.processor] for one in spent] for each, spent in taken.items()
            },
            "times": times,
        },
    )


def main() -> None:
    """Measure and print."""
    known = fronts()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--functions", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    compile_ours()
    usual = Subject("usual_front.handler", HANDLERS, {"CLIENTS": CLIENTS})
    asked: dict[str, Callable[[], Spent]] = {USUAL: lambda: first_answer(usual, LIVE)}
    for name in given.functions:
        asked[name] = partial(first_answer, subject(known[name]), LIVE)
    show([report(given.rounds, take_turns(asked, given.rounds))], as_json=given.json)


if __name__ == "__main__":
    main()
