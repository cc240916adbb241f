"""Graphs, kept for a moment: asking one reads its record for every request."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from servery.domain.graph_records import GraphRecord
from servery.domain.spec import MODEL_NAME
from servery.errors import NotFoundError
from servery.ports import Clock, GraphStore

FRESH_SECONDS = 2.0
STALE_SECONDS = 60.0
MOST_NAMES = 256

_is_name = re.compile(MODEL_NAME).fullmatch


@dataclass(slots=True)
class _Kept:
    record: GraphRecord | None  # None: there is no graph of this name
    read: float
    tried: float


class KeptGraphs:
    """The newest revisions, at most two seconds old; up to a minute when they cannot be read.

    Args:
        store: Where the graphs are.
        clock: What the age goes by.
    """

    def __init__(self, store: GraphStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, name: str) -> GraphRecord:
        """The newest revision of a graph.

        Raises:
            NotFoundError: there is no graph of that name.
        """
        if not _is_name(name):
            raise NotFoundError("there is no such graph")
        now = self._clock.now().timestamp()
        kept = self._kept.get(name)
        if kept is None or now - kept.tried >= FRESH_SECONDS:
            kept = self._read(name, kept, now)
        if kept.record is None:
            raise NotFoundError("there is no such graph")
        return kept.record

    def _read(self, name: str, kept: _Kept | None, now: float) -> _Kept:
        try:
            fresh = _Kept(self._store.get(name), now, now)
        except NotFoundError:
            fresh = _Kept(None, now, now)
        except Exception:
            if kept is None or now - kept.read > STALE_SECONDS:
                raise
            kept.tried = now
            return kept
        self._kept[name] = fresh
        self._kept.move_to_end(name)
        if len(self._kept) > MOST_NAMES:
            self._kept.popitem(last=False)
        return fresh
