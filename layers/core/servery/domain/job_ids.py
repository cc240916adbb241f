"""Ids of jobs, of models as of graphs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from servery.domain.digest import digest_value

LENGTH = 26
"""Hexadecimal digits."""

is_job_id = re.compile(rf"[0-9a-f]{{{LENGTH}}}").fullmatch


def job_id_of(*parts: str) -> str:
    """The same id for the same parts."""
    return digest_value(list(parts))[:LENGTH]


def new_job_id(now: datetime, entropy: Callable[[], str]) -> str:
    """An id of its own, in the order of time.

    Args:
        now: The time.
        entropy: Gives 14 random hexadecimal digits.
    """
    return f"{int(now.timestamp() * 1000):012x}{entropy()}"[:LENGTH]
