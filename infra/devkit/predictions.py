"""`servery predict`: rows to the API, answers to the screen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import rows
from devkit.errors import UsageError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from devkit.api import Api
    from devkit.screen import Screen

_MOST_SHOWN = 20


def gather(
    api: Api,
    model: str,
    screen: Screen,
    *,
    records: Sequence[str] | None,
    file: Path | None,
    example: bool,
) -> list[dict[str, Any]]:
    """The rows that were asked for.

    Raises:
        UsageError: not exactly one way of giving them was used.
    """
    if sum([bool(records), file is not None, example]) != 1:
        raise UsageError(
            "Say what to predict.", "One of: --record JSON, --file rows.csv, --example"
        )
    if records:
        return [row for text in records for row in rows.from_json(text)]
    inputs = {i["name"]: i["parameters"] for i in api.get(_path(model))["inputs"]}
    if file is not None:
        return of_file(file, {name: said["dtype"] for name, said in inputs.items()}, screen)
    return [{name: said.get("example") for name, said in inputs.items()}]


def of_file(file: Path, dtypes: Mapping[str, str], screen: Screen) -> list[dict[str, Any]]:
    """Rows of a file; a table may have columns that are no inputs, such as the target."""
    read = rows.from_file(file, dtypes)
    extra = [name for name in (read[0] if read else {}) if name not in dtypes]
    if not rows.is_csv(file) or not extra:
        return read
    screen.say(f"Left out, since the model does not take them: {', '.join(extra)}", style="dim")
    return [{name: row[name] for name in row if name in dtypes} for row in read]


def _path(model: str, version: str | None = None) -> str:
    inner = f"/versions/{quote(version, safe='')}" if version else ""
    return f"/v2/models/{quote(model, safe='')}{inner}"


def ask(
    api: Api, model: str, records: Sequence[Mapping[str, Any]], *, version: str | None = None
) -> dict[str, Any]:
    """The answer of a model, or of one version of it."""
    body = {"records": list(records)}
    answer: dict[str, Any] = api.post(f"{_path(model, version)}/infer", body)
    return answer


def show(screen: Screen, answer: Mapping[str, Any]) -> None:
    """One line for each row, and who answered."""
    lines = [[str(i), *line(row)] for i, row in enumerate(answer["predictions"], start=1)]
    screen.show(table(["row", "prediction", ""], lines[:_MOST_SHOWN]))
    if len(lines) > _MOST_SHOWN:
        screen.say(f"... and {len(lines) - _MOST_SHOWN} more; --json gives all of them")
    marks = [f"served by {answer['served_by']}"] + ["degraded"] * bool(answer.get("degraded"))
    screen.say(
        f"{answer['model']} {answer['model_version']}, {', '.join(marks)}, "
        f"request {answer['request_id']}",
        style="dim",
    )


def line(row: Mapping[str, Any]) -> list[str]:
    """A row's class and its three highest probabilities, or its value and unit."""
    if "class" not in row:
        unit = row.get("unit", "1")
        return [f"{row['value']:.6g}" + ("" if unit == "1" else f" {unit}"), ""]
    likely = sorted(row.get("probabilities", {}).items(), key=lambda one: -one[1])[:3]
    return [_plain(row["class"]), "  ".join(f"{name} {share:.3f}" for name, share in likely)]


def _plain(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else json.dumps(value)
