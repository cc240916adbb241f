"""A room for releases with one registered training of iris."""

from __future__ import annotations

import pytest
from fakes.release_room import Room


@pytest.fixture
def room() -> Room:
    made = Room()
    made.register()
    return made
