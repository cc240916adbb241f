"""Graphs as their author and their caller see them: declared, registered, asked."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from devkit import plain_yaml, predictions, rows
from devkit.api import ApiError, advising
from devkit.errors import DevkitError, UsageError
from devkit.specs import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from devkit.api import Api
    from devkit.screen import Screen

GRAPHS = EXAMPLES / "graphs"
_HINTS = {
    404: "`servery graphs list` shows the graphs there are.",
    409: "Look at what it is now: servery graphs show NAME",
    422: "Correct what is named; a model has to be released before a graph can name it.",
}


def examples() -> list[str]:
    """Names of the graphs that come with Servery."""
    return sorted(path.stem for path in GRAPHS.glob("*.yaml"))


def load(name: str, path: Path) -> dict[str, Any]:
    """The declaration that a file or the name of an example means; not checked yet.

    Raises:
        DevkitError: there is none, or it is no YAML.
    """
    found = path if path.is_file() else GRAPHS / f"{name}.yaml"
    if not found.is_file():
        raise DevkitError(
            f"There is no file and no example called {name}.", f"Examples: {', '.join(examples())}"
        )
    try:
        content = plain_yaml.load(found.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DevkitError(f"{found} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise DevkitError(f"{found} is no graph.", f"Examples: {', '.join(examples())}")
    return content


def apply(
    api: Api, spec: dict[str, Any], *, revision: int | None = None
) -> tuple[str, dict[str, Any]]:
    """Register a graph, or a change of one.

    Args:
        api: Of the stack.
        spec: As declared.
        revision: The revision that it is a change of; any if left out.

    Returns:
        `registered`, `changed` or `unchanged`, and the graph's record.

    Raises:
        ApiError: it does not hold together (with everything that is wrong), or is at another
            revision.
    """
    before = _revision(api, str(spec.get("name", "")))
    headers = {} if revision is None else {"if-match": f'"{revision}"'}
    with advising(_HINTS):
        answer, record = api.send("POST", "/graphs", spec, headers)
    if answer.status_code == HTTPStatus.CREATED:
        return "registered", record
    return ("unchanged" if record["revision"] == before else "changed"), record


def get(api: Api, name: str) -> dict[str, Any]:
    """The record of a graph."""
    with advising(_HINTS):
        record: dict[str, Any] = api.get(f"/graphs/{quote(name, safe='')}")
    return record


def remove(api: Api, name: str) -> None:
    """Take a graph out."""
    with advising(_HINTS):
        api.send("DELETE", f"/graphs/{quote(name, safe='')}")


def gather(
    api: Api, name: str, screen: Screen, *, records: Sequence[str] | None, file: Path | None
) -> list[dict[str, Any]]:
    """The rows that were asked for.

    Raises:
        UsageError: not exactly one way of giving them was used.
    """
    if bool(records) == (file is not None):
        raise UsageError("Say what to ask.", "One of: --record JSON, --file rows.csv")
    if records:
        return [row for text in records for row in rows.from_json(text)]
    columns = {c["name"]: c["dtype"] for c in get(api, name).get("request", [])}
    return predictions.of_file(file, columns, screen) if file else []


def ask(
    api: Api, name: str, records: Sequence[Mapping[str, Any]], *, steps: bool = False
) -> dict[str, Any]:
    """The answer of a graph.

    Args:
        api: Of the stack.
        name: Of the graph.
        records: The rows.
        steps: Whether each row comes with what every step said of it.

    Raises:
        ApiError: a step failed, and the graph goes by it; with what became of each step.
    """
    path = f"/v2/graphs/{quote(name, safe='')}/infer" + ("?steps=true" if steps else "")
    with advising({404: _HINTS[404]}):
        try:
            answer: dict[str, Any] = api.post(path, {"records": list(records)})
        except ApiError as error:
            error.details += tuple(_told(error.problem))
            raise
    return answer


def _told(problem: Mapping[str, Any]) -> list[str]:
    """What became of the steps of a request that failed; those that did well need no line."""
    return [
        f"{step['name']}: {step['state']}" + (f", {step['reason']}" if step.get("reason") else "")
        for step in problem.get("steps") or []
        if step["state"] != "ok"
    ]


def _revision(api: Api, name: str) -> int | None:
    try:
        return int(api.get(f"/graphs/{quote(name, safe='')}")["revision"]) if name else None
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None
