"""Writes down how a run of the end-to-end suite ended: `--targets-report FILE`."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from capabilities import current_target, needed_by

PACKAGES = ("aws-sam-cli", "aws-sam-translator", "boto3")
# A later stage of a test decides only if it is worse.
WORSE = ("not run", "passed", "skipped", "failed")


@dataclass
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

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what each test needs."""
        for item in session.items:
            self._tests[item.nodeid] = {"outcome": "not run", "needs": list(needed_by(item))}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a stage of a test ended."""
        if report.passed and report.when != "call":
            return
        test = self._tests.setdefault(report.nodeid, {"outcome": "not run", "needs": []})
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


def memory_mb(process: int) -> int | None:
    """The most that a process has used so far, in megabytes; None where nobody tells."""
    status = Path(f"/proc/{process}/status")
    lines: Iterable[str] = status.read_text().splitlines() if status.exists() else ()
    peaks = [int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")]
    return peaks[0] if peaks else None
