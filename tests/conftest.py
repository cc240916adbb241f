"""What every tier shares: the mark `needs`."""

from __future__ import annotations

import pytest
from capabilities import MARK, skip_what_cannot_run


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_what_cannot_run(items)
