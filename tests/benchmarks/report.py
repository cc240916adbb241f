"""The figures of a benchmark: a table for people, JSON with machine and versions for machines."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

LIBRARIES = ("numpy", "orjson", "onnxruntime", "pyarrow", "pandas", "scikit-learn")


@dataclass(slots=True)
class Report:
    """What a benchmark found.

    Attributes:
        title: What was measured.
        notes: On what, a line each.
        columns: Names of the table's columns.
        rows: The table.
        verdicts: What follows from it, a line each.
        figures: The same for machines.
    """

    title: str
    notes: list[str]
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """What is in it for machines: the figures, and the table as people see it."""
        shown = {"columns": self.columns, "rows": self.rows, "verdicts": self.verdicts}
        return {"title": self.title, "notes": self.notes, "table": shown, **self.figures}

    def table(self) -> str:
        """What is in it for people."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [self.title, *self.notes, ""]
        for row in (self.columns, ["-" * width for width in widths], *self.rows):
            rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join([row[0].ljust(widths[0]), *rest]))
        return "\n".join([*lines, "", *self.verdicts, ""])


def show(reports: list[Report], *, as_json: bool) -> None:
    """Print reports, with the machine and the versions that they are of."""
    if as_json:
        date = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        about = {"date": date, "machine": machine(), "versions": versions()}
        print(json.dumps({**about, "reports": [r.document() for r in reports]}, indent=2))  # noqa: T201
        return
    for report in reports:
        print(report.table())  # noqa: T201
    said = ", ".join(f"{name} {number}" for name, number in versions().items())
    here = machine()
    load = ", ".join(f"{each:.1f}" for each in here["load"])
    print(f"{said}\n{here['processor']}, {here['processors']} processors, load {load}")  # noqa: T201


def machine() -> dict[str, Any]:
    """The machine, and how busy it is."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "load": list(os.getloadavg()),
    }


def versions() -> dict[str, str]:
    """Python and the libraries that take part."""
    return {"Python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - no file of ours
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()
