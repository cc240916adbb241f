"""Records by name, kept for a moment: what every request needs is not read for every request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from servery.errors import NotFoundError
from servery.ports import Clock

FRESH_SECONDS = 2.0
STALE_SECONDS = 60.0

Record = TypeVar("Record")


@dataclass(slots=True)
class _Kept(Generic[Record]):
    record: Record | None  # None: there is none of this name
    read: float
    tried: float


class KeptRecords(Generic[Record]):
    """Records at most two seconds old; up to a minute when they cannot be read.

    That there is none of a name is remembered just as shortly, so that a caller who asks for
    what there is not costs one read in two seconds.

    Args:
        read: Reads the record of a name; raises `NotFoundError` where there is none.
        clock: What the age goes by.
        most: Names to keep; beyond, the one that was read the longest ago goes.
    """

    def __init__(self, read: Callable[[str], Record], clock: Clock, *, most: int) -> None:
        self._read_one = read
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[str, _Kept[Record]] = OrderedDict()

    def get(self, name: str) -> Record | None:
        """The record of a name, None where there is none.

        Raises:
            Exception: of the read, when it fails and nothing is at hand.
        """
        now = self._clock.now().timestamp()
        kept = self._kept.get(name)
        if kept is None or now - kept.tried >= FRESH_SECONDS:
            kept = self._read(name, kept, now)
        return kept.record

    def forget(self, name: str) -> None:
        """Read the record anew next time; it stays at hand for when that fails."""
        kept = self._kept.get(name)
        if kept is not None:
            kept.tried = float("-inf")

    def _read(self, name: str, kept: _Kept[Record] | None, now: float) -> _Kept[Record]:
        fresh: _Kept[Record]
        try:
            fresh = _Kept(self._read_one(name), now, now)
        except NotFoundError:
            fresh = _Kept(None, now, now)
        except Exception:
            if kept is None or now - kept.read > STALE_SECONDS:
                raise
            kept.tried = now
            return kept
        self._kept[name] = fresh
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return fresh
