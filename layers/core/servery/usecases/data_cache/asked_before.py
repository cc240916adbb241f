"""What was asked before: the bodies in the prediction log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from servery.ports.warming import LakeLog

_OK = 200
_NOTHING = msgspec.Raw()


class Line(msgspec.Struct):
    """What of a line of the prediction log says what was asked."""

    status: int
    cache: str = "off"
    model_version: str = ""
    input: msgspec.Raw = _NOTHING

    @property
    def body(self) -> bytes:
        """The request's body; empty where it was left out."""
        body = bytes(self.input)
        return b"" if body == b"null" else body


def days_back(now: datetime, days: int) -> Iterator[str]:
    """The last days, today's first."""
    for back in range(days):
        yield (now - timedelta(days=back)).date().isoformat()


def logged(log: LakeLog, model: str, days: Iterable[str]) -> Iterator[Line]:
    """The answered requests of a model, the last written first as far as objects go."""
    decoder = msgspec.json.Decoder(Line)
    for day in days:
        for key in log.newest(f"predictions/model={model}/day={day}/"):
            for content in log.lines(key):
                try:
                    line = decoder.decode(content)
                except msgspec.MsgspecError:
                    continue  # the end of an object that is being written
                if line.status == _OK:
                    yield line
