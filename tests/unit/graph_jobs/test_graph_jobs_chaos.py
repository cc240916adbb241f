"""Processes that die, calls that fail, messages that come again, members that are late: one end."""

from __future__ import annotations

import pytest
from fakes.fan_out_chaos import Chaos


@pytest.mark.parametrize("seed", range(12))
def test_every_job_ends_once_and_nothing_is_lost_when_everything_goes_wrong(seed):
    chaos = Chaos(seed)
    found = chaos.run(40)
    assert found.wrong == []
    assert found.jobs == 40
    assert min(found.deaths, found.failures, found.duplicates, found.overlapping) > 0


def test_nothing_is_told_twice_when_nobody_dies_and_every_message_comes_again_and_again():
    chaos = Chaos(1, death=0, failure=0, trouble=0, twice=0.5)
    found = chaos.run(60)
    assert found.wrong == []
    assert found.duplicates > 100
    assert (found.ends_again, found.members_again) == (0, 0)
