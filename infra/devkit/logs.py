"""What the functions of a stack say, out of CloudWatch Logs."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from devkit.deployments import Deployed
    from devkit.screen import Screen

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_POLL = 1.0
_PLATFORM = re.compile(r"(START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION)\b")
_LOGGERS_OWN = frozenset({"location", "timestamp", "service", "xray_trace_id"})


@dataclass(frozen=True)
class Line:
    """One line of a log; `at` is in milliseconds since the epoch."""

    at: int
    function: str
    message: str


def seconds(text: str) -> int:
    """Seconds in `30s`, `10m`, `2h` or `1d`.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is None:
        raise UsageError(f"{text!r} is no length of time.", "Say 30s, 10m, 2h or 1d.")
    return int(found[1]) * _UNITS[found[2]]


def choose(functions: Mapping[str, str], wanted: str | None) -> dict[str, str]:
    """The functions that a word means: logical id, name or a part of them; all without a word.

    Raises:
        DevkitError: it means none.
    """
    if wanted is None:
        return dict(functions)
    word = re.sub(r"[^a-z0-9]", "", wanted.lower())
    chosen = {
        logical: name
        for logical, name in functions.items()
        if word in logical.lower() or word in re.sub(r"[^a-z0-9]", "", name.lower())
    }
    if not chosen:
        raise DevkitError(f"No function is called {wanted}.", "There are: " + ", ".join(functions))
    return chosen


def read(
    deployed: Deployed, functions: Mapping[str, str], *, since: int, follow: bool
) -> Iterator[Line]:
    """Lines in the order of time, from `since` seconds ago; with `follow` without an end."""
    client = deployed.target.client("logs")
    start = int((time.time() - since) * 1000)
    seen: set[str] = set()
    while True:
        fresh: list[Line] = []
        for logical, name in functions.items():
            for line_id, at, message in _group(client, name, start):
                if line_id not in seen:
                    seen.add(line_id)
                    fresh.append(Line(at, logical, message))
        yield from sorted(fresh, key=lambda line: line.at)
        if not follow:
            return
        start = max([start, *(line.at - 5000 for line in fresh)])
        time.sleep(_POLL)


def show(screen: Screen, lines: Iterable[Line]) -> None:
    """Lines for people, in short; for a machine each as it is, one JSON object a line."""
    for line in lines:
        if screen.machine:
            sys.stdout.write(json.dumps(asdict(line)) + "\n")
            sys.stdout.flush()
        else:
            told = brief(line.message)
            if told:
                at = datetime.fromtimestamp(line.at / 1000, UTC).astimezone()
                screen.say(f"{at:%H:%M:%S} {line.function.removesuffix('Function')}: {told}")


def brief(message: str) -> str:
    """What a person wants of a line: nothing of the platform's own, a line of metrics in short."""
    if _PLATFORM.match(message):
        return ""
    try:
        content = json.loads(message)
    except ValueError:
        return message
    if not isinstance(content, dict):
        return message
    if "_aws" not in content:
        words = [content.pop(name, "") for name in ("level", "message")]
        return " ".join([*map(str, words), *_pairs(content, _LOGGERS_OWN)])
    units = {
        metric["Name"]: metric.get("Unit", "")
        for group in content.pop("_aws").get("CloudWatchMetrics", [])
        for metric in group.get("Metrics", [])
    }
    figures = [
        f"{name}={content[name]:g}{' ms' if unit == 'Milliseconds' else ''}"
        for name, unit in units.items()
        if content.get(name)
    ]
    return "  ".join([*_pairs(content, {*units, "service"}), *figures])


def _pairs(content: Mapping[str, Any], left_out: Container[str]) -> list[str]:
    return [f"{k}={v}" for k, v in content.items() if k not in left_out and v not in ("", None)]


def _group(client: Any, name: str, start: int) -> Iterator[tuple[str, int, str]]:  # noqa: ANN401
    from botocore.exceptions import ClientError  # noqa: PLC0415

    pages = client.get_paginator("filter_log_events")
    try:
        for page in pages.paginate(logGroupName=f"/aws/lambda/{name}", startTime=start):
            for event in page["events"]:
                # The local cloud gives no ids; the same text at the same time is one line there.
                told = event["message"].rstrip()
                unique = event.get("eventId") or f"{name} {event['timestamp']} {told}"
                yield unique, event["timestamp"], told
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
