"""The plant, for the tests of this folder."""

from __future__ import annotations

import pytest
from fakes.job_plant import JobPlant


@pytest.fixture
def plant() -> JobPlant:
    return JobPlant()
