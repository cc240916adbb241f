"""The room `jobs` with every port in memory."""

from __future__ import annotations

import pytest
from fakes.jobs_office import Office


@pytest.fixture
def office() -> Office:
    return Office()
