"""What every tier shares: the mark `needs`, and the report of what ran on which target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from capabilities import MARK, skip_what_cannot_run
from hypothesis import settings

OPTION = "--targets-report"

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION, type=Path, metavar="FILE", help="write there what ran on SERVERY_CLOUD, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    if config.getoption(OPTION) is not None:
        from targets.report import Report, Worker  # noqa: PLC0415 - most runs do without

        is_worker = hasattr(config, "workerinput")
        part = Worker() if is_worker else Report(config.getoption(OPTION))
        config.pluginmanager.register(part, "targets-report")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_what_cannot_run(items)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> dict[str, Any]:
    """What the tests measure of their target; part of the report where one is written."""
    report = pytestconfig.pluginmanager.get_plugin("targets-report")
    return report.figures if report is not None else {}
