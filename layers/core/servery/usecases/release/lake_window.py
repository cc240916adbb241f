"""Lines of the lake that are of a model and of a while: as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from servery.domain.labels import Labels, read_labels
from servery.domain.lake import LABELS, UNKNOWN
from servery.domain.predicted import Class

if TYPE_CHECKING:
    from servery.ports import LakeTables

MOST_REQUESTS = 20_000
MOST_LABELS = 100_000
LEAST_LINES = 100
"""Of a table and a name that are read however late it is."""


class _LabelLine(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    row: int
    label: Class
    time: str
    model: str = ""


class _Timed(msgspec.Struct):
    time: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """What time is looked at, and how long looking may take.

    Attributes:
        since: Requests from then on count.
        until: Those from then on do not.
        spare: Whether there still is time to read.
        most: Requests of each side that are counted, the newest ones.
    """

    since: datetime
    until: datetime
    spare: Callable[[], bool]
    most: int = MOST_REQUESTS

    def has(self, time: str) -> bool:
        """Whether something of a time counts; what is no time does not."""
        try:
            at = datetime.fromisoformat(time)
        except ValueError:
            return False
        return self.since <= (at if at.tzinfo else at.replace(tzinfo=UTC)) < self.until


class OfModel(Protocol):
    """What every line of the lake says of itself."""

    @property
    def model(self) -> str:
        """Name of the model."""


Read = TypeVar("Read", bound=OfModel)


def lines_of(
    table: str, model: str, lake: LakeTables, window: Window, kind: type[Read]
) -> Iterator[Read]:
    """The lines of a model in a window, roughly the newest first, as many as there is time for.

    What cannot be read as a line is none.
    """
    decode = msgspec.json.Decoder(kind).decode
    when = msgspec.json.Decoder(_Timed).decode
    for number, content in enumerate(lake.window(table, model, window.since, window.until), 1):
        if number > LEAST_LINES and not window.spare():
            break
        try:
            line = decode(content) if window.has(when(content).time) else None
        except msgspec.MsgspecError:
            continue
        if line is not None and line.model == model:
            yield line


def labels_of(model: str, lake: LakeTables, window: Window) -> Labels:
    """What was true of requests of the window: it was told later than they came."""
    told = [
        line
        for name in (model, UNKNOWN)
        for line in islice(lines_of(LABELS, name, lake, window, _LabelLine), MOST_LABELS)
    ]
    return read_labels(told)
