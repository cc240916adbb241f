"""Graphs and their answers on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from devkit import exchange, predictions
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table
    from servery.domain.graph_records import GraphRecord

    from devkit.screen import Screen

_MOST_SHOWN = 20
_CELL = 160


def graphs_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each graph."""
    return table(
        ["graph", "revision", "steps", "since", "what it is"],
        [
            [
                record["spec"]["name"],
                str(record["revision"]),
                " ".join(step["name"] for step in record["spec"]["steps"]),
                record["registered"][:10],
                record["spec"].get("description", ""),
            ]
            for record in records
        ],
    )


def show(screen: Screen, record: GraphRecord, lines: Sequence[str]) -> None:
    """A graph: what it is, its picture, and the models that it was checked against."""
    spec = record.spec
    about = f"revision {record.revision}, " if record.revision else "not registered, "
    screen.say(f"{spec.name}  {about}owner {spec.owner}, within {spec.deadline_ms:,} ms")
    if spec.description:
        screen.say(spec.description)
    screen.say()
    for line in lines:
        screen.show(coloured(line))
    if record.checked:
        screen.say()
        checked = [[name, p.model, p.version] for name, p in record.checked.items()]
        screen.show(table(["step", "model", "checked against"], checked))


def show_answer(screen: Screen, answer: Mapping[str, Any]) -> None:
    """One line for each row, what each step said of it where it was asked for, and the steps."""
    show_rows(screen, answer["predictions"])
    screen.say()
    show_steps(screen, answer.get("steps") or [])
    marks = [mark for mark in ("partial", "degraded") if answer.get(mark)]
    about = [f"{answer['graph']} revision {answer['graph_revision']}", *marks]
    screen.say(f"{', '.join(about)}, request {answer['request_id']}", style="dim")


def show_rows(screen: Screen, rows: Sequence[Mapping[str, Any] | None]) -> None:
    """One line for each row, and what each step said of it where it was asked for."""
    shown = list(enumerate(rows, start=1))[:_MOST_SHOWN]
    screen.show(table(["row", "answer", ""], [[str(i), *line(row)] for i, row in shown]))
    if len(rows) > _MOST_SHOWN:
        screen.say(f"... and {len(rows) - _MOST_SHOWN} more; --json gives all of them")
    said = [[str(i), n, *line(r)] for i, row in shown for n, r in _steps_of(row).items()]
    if said:
        screen.say()
        screen.show(table(["row", "step", "said", ""], said))


def show_steps(screen: Screen, steps: Sequence[Mapping[str, Any]]) -> None:
    """What became of each step."""
    screen.show(
        table(
            ["step", "state", "rows", "time", "version, or why not"],
            [
                [
                    step["name"],
                    step["state"],
                    str(step.get("rows", 0)),
                    f"{step.get('ms', 0):.0f} ms",
                    step.get("reason") or step.get("model_version", ""),
                ]
                for step in steps
            ],
        )
    )


def line(row: Mapping[str, Any] | None) -> list[str]:
    """An answer and what stands behind it, in two cells."""
    if row is None:
        return ["none", ""]
    missing = f"without {', '.join(row['missing'])}" if row.get("missing") else ""
    if "class" not in row and not isinstance(row.get("value"), int | float):
        kept = {n: v for n, v in row.items() if n not in ("missing", "steps")}
        return [exchange.short(kept, _CELL), missing]
    first, behind = predictions.line(row)
    for name in ("scores", "votes"):
        if row.get(name):
            highest = sorted(row[name].items(), key=lambda one: -one[1])
            behind = "  ".join(f"{n} {_figure(v)}" for n, v in highest)
    return [first, "  ".join(filter(None, [behind, missing]))]


def _figure(value: float) -> str:
    """A share to three digits; a count or another number as it is."""
    share = isinstance(value, float) and abs(value) <= 1
    return f"{value:.3f}" if share else f"{value:.6g}"


def _steps_of(row: Mapping[str, Any] | None) -> dict[str, Any]:
    steps: dict[str, Any] = (row or {}).get("steps") or {}
    return steps


def coloured(line: str) -> Text:
    """A line of a picture in colours."""
    text = Text(line, no_wrap=True, overflow="ignore")
    text.highlight_regex(r"[│─╭╮╰╯┬┴├┤┼▼]", "dim")
    text.highlight_regex(r"(?<=╭ )[^─╮]+(?= ─)", "bold cyan")
    text.highlight_regex(r"← [^│]*", "green")
    text.highlight_regex(r"\bif [^│]*", "yellow")
    return text
