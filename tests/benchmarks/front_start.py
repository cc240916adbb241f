"""P6: a cold start of the front functions, from the start of the process to the first answer.

Each function of the template that has no layer but the library's and answers the API; against one
with all of Powertools and with its clients of AWS made at import, as many are written. Each is
asked two things, in processes of their own: one that needs nothing of AWS, and one that reads a
table and finds that what is asked for is not there. The table is on loopback and has nothing in it.

    python -m benchmarks.front_start [--rounds 9] [--functions Gateway ...] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from architecture.functions import Function, functions
from fakes.aws_stub import AwsStub
from fakes.template import template

from benchmarks.cold_functions import COLUMNS, compile_ours, ratios, rows_of
from benchmarks.one_function import OneFunction, Spent, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import said, take_turns
from benchmarks.served_models import HANDLERS

USUAL = "all of Powertools, clients at import"
CLIENTS = "dynamodb,lambda,firehose"
GOAL = 2.0
LIVE, ABSENT = "/v2/health/live", 404
ABOUT = {
    LIVE: "that needs nothing of AWS",
    "reads": "that reads a table",
}
READS: dict[str, tuple[str, dict[str, str]]] = {
    USUAL: ("/v2/models/{model}", {"model": "unknown"}),
    "Gateway": ("/v2/models/{model}", {"model": "unknown"}),
    "DataCacheServe": ("/models/{model}/cache", {"model": "unknown"}),
    "Registry": ("/models/{model}", {"model": "unknown"}),
    "SearchServe": ("/models/{model}/searches/{search}", {"model": "unknown", "search": "s-1"}),
    "JobsServe": ("/jobs/{job}", {"job": "0" * 26}),
    "MultiStage": ("/v2/models/{model}/staged", {"model": "unknown"}),
    "BatchServe": ("/batches/{batch}", {"batch": "0" * 26}),
    "GraphServe": ("/graphs/{graph}", {"graph": "unknown"}),
    "MonitoringLabel": ("/models/{model}/watch", {"model": "unknown"}),
}
"""What is asked of each function about something that is not there."""
_BODIES = {"MultiStage": json.dumps({"records": [{"x": 1.0}]})}  # POST where there is one


class EmptyTables(AwsStub):
    """Tables with nothing in them; notes how often they were asked."""

    asked = 0

    def get(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Nothing, be it by key or by query."""
        self.asked += 1
        return 200, {"Items": [], "Count": 0} if "KeyConditionExpression" in request else {}


def event(
    resource: str, parameters: Mapping[str, str] | None = None, body: str | None = None
) -> bytes:
    """What API Gateway hands to a function."""
    path = resource.format(**parameters or {})
    return json.dumps(
        {
            "resource": resource,
            "path": path,
            "httpMethod": "GET" if body is None else "POST",
            "headers": {"accept": "application/json", "content-type": "application/json"},
            "multiValueHeaders": {},
            "requestContext": {"requestId": "r-1", "stage": "prod", "path": f"/prod{path}"},
            "pathParameters": parameters,
            "queryStringParameters": None,
            "body": body,
            "isBase64Encoded": False,
        }
    ).encode()


def live(subject: Subject) -> Spent:
    """What the first answer takes that needs nothing of AWS."""
    with OneFunction(subject) as function:
        return function.first(event(LIVE))[1]


def reads(name: str, subject: Subject, tables: EmptyTables) -> Spent:
    """What the first answer takes that reads a table."""
    before = tables.asked
    with OneFunction(subject) as function:
        answer, spent = function.first(event(*READS[name], _BODIES.get(name)))
    told = json.loads(answer)
    assert told["statusCode"] == ABSENT, f"{name} answered {told}"
    assert tables.asked > before, f"{name} asked no table"
    return spent


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


def report(rounds: int, about: str, taken: dict[str, list[Spent]]) -> Report:
    """The figures of one kind of answer."""
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
        title=f"P6: cold start of the front functions to the first answer, {about}",
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


def measure(subjects: Mapping[str, Subject], rounds: int) -> list[Report]:
    """All functions and both answers, in turns."""
    with closing(EmptyTables()) as tables:
        asked: dict[str, Callable[[], Spent]] = {}
        for name, subject in subjects.items():
            there = {**subject.environment, "AWS_ENDPOINT_URL": tables.url}
            reachable = replace(subject, environment=there)
            asked[f"{LIVE} {name}"] = partial(live, reachable)
            asked[f"reads {name}"] = partial(reads, name, reachable, tables)
        taken = take_turns(asked, rounds)
    return [
        report(rounds, about, {name: taken[f"{kind} {name}"] for name in subjects})
        for kind, about in ABOUT.items()
    ]


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
    subjects = {USUAL: usual, **{name: subject(known[name]) for name in given.functions}}
    show(measure(subjects, given.rounds), as_json=given.json)


if __name__ == "__main__":
    main()
