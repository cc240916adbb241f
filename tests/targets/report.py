"""Writes down how a run of the end-to-end suite ended: `--targets-report FILE`."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from capabilities import current_target, needed_by

PACKAGES = ("aws-sam-cli", "aws-sam-translator", "boto3")
FIGURES = "figures"
NEEDS = "needs"
# A later stage of a test decides only if it is worse.
WORSE = ("not run", "passed", "skipped", "failed")


@dataclass(eq=False)
class Report:
    """Collects what pytest tells, and writes it when the session ends.

    Attributes:
        file: Where to.
        figures: What the tests measured of their target, by name.
    """

    file: Path
    figures: dict[str, Any] = field(default_factory=dict)
    _tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note what a test needs."""
        note_needs(item)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what there is to run."""
        for item in session.items:
            self._tests[item.nodeid] = _not_run(item.user_properties)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what there is to run where others run it."""
        for name in ids:
            self._tests.setdefault(name, _not_run(()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what one of several measured; of numbers the highest."""
        merge_figures(self.figures, getattr(node, "workeroutput", {}).get(FIGURES, {}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a stage of a test ended."""
        if report.passed and report.when != "call":
            return
        test = self._tests.setdefault(report.nodeid, _not_run(()))
        test["needs"] = _not_run(report.user_properties)["needs"]
        if WORSE.index(report.outcome) > WORSE.index(test["outcome"]):
            test["outcome"] = report.outcome
        if report.skipped and isinstance(report.longrepr, tuple):
            test["reason"] = report.longrepr[2].removeprefix("Skipped: ")

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        found = {
            "target": current_target(),
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - self._began),
            "figures": self.figures,
            "tests": self._tests,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(found, indent=1) + "\n")


@dataclass(eq=False)
class Worker:
    """The part of a report in one of several processes that run the tests of a session.

    Attributes:
        figures: What its tests measured.
    """

    figures: dict[str, Any] = field(default_factory=dict)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note what a test needs."""
        note_needs(item)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was measured."""
        session.config.workeroutput[FIGURES] = self.figures  # type: ignore[attr-defined] # xdist's


def note_needs(item: pytest.Item) -> None:
    """Write what a test needs where its reports carry it, from another process too."""
    item.user_properties.append((NEEDS, list(needed_by(item))))


def merge_figures(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add figures to those that are known: of two numbers the higher, of others the later."""
    for name, value in more.items():
        before = known.get(name)
        both = isinstance(value, int | float) and isinstance(before, int | float)
        known[name] = max(value, before) if both else value


def _not_run(properties: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {"outcome": "not run", "needs": dict(properties).get(NEEDS, [])}


def memory_mb(process: int) -> int | None:
    """The most that a process has used so far, in megabytes; None where nobody tells."""
    status = Path(f"/proc/{process}/status")
    lines: Iterable[str] = status.read_text().splitlines() if status.exists() else ()
    peaks = [int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")]
    return peaks[0] if peaks else None
