"""Layouts of batches that tests share."""

from __future__ import annotations

from typing import Any

import msgspec
from servery.domain.chunks import Layout

CSV = Layout(
    batch="b1", format="csv", output="csv", bucket="exchange", parts="outbox/", rejects="batches/"
)


def layout(**changes: Any) -> Layout:
    """A layout of CSV to CSV without columns, but for what is said."""
    return msgspec.structs.replace(CSV, **changes)
