"""What the drift guard knows of LocalStack is what the installed release reads."""

from __future__ import annotations

import pytest
from targets.__main__ import taken
from targets.drift import SNAPSHOT


@pytest.mark.slow
def test_the_snapshot_is_current_when_localstack_is_read_again(environment):
    assert taken(environment) == SNAPSHOT.read_text(), "run `python -m targets snapshot`"
