"""What was asked before: the bodies in the prediction log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.lake import PREDICTIONS, readable
from servery.domain.personal import INPUT, is_masked

if TYPE_CHECKING:
    from datetime import datetime

    from servery.ports import LakeTables

_OK = 200
_NOTHING = msgspec.Raw()


class Line(msgspec.Struct):
    """What of a line of the prediction log says what was asked."""

    status: int
    cache: str = "off"
    model_version: str = ""
    input: msgspec.Raw = _NOTHING
    hashed: list[str] = []
    omitted: list[str] = []

    @property
    def body(self) -> bytes:
        """The request's body; empty where it was left out, or is not as it was."""
        body = bytes(self.input)
        masked = is_masked(INPUT, [*self.hashed, *self.omitted])
        return b"" if masked or body == b"null" else body


def days_back(now: datetime, days: int) -> Iterator[str]:
    """The last days, today's first."""
    for back in range(days):
        yield (now - timedelta(days=back)).date().isoformat()


def logged(log: LakeTables, model: str, days: Iterable[str]) -> Iterator[Line]:
    """The answered requests of a model, the last written first as far as objects go."""
    lines = readable(log.days(PREDICTIONS, model, list(days)), Line)
    return (line for line in lines if line.status == _OK)
