"""Graphs, kept for a moment: asking one reads its record for every request."""

from __future__ import annotations

import re

from servery.adapters.kept_records import KeptRecords
from servery.domain.graph_records import GraphRecord
from servery.domain.names import MODEL_NAME
from servery.errors import NotFoundError
from servery.ports import Clock, GraphStore

MOST_NAMES = 256

_is_name = re.compile(MODEL_NAME).fullmatch


class KeptGraphs:
    """The newest revisions, at most two seconds old; up to a minute when they cannot be read.

    Args:
        store: Where the graphs are.
        clock: What the age goes by.
    """

    def __init__(self, store: GraphStore, clock: Clock) -> None:
        self._records = KeptRecords(store.get, clock, most=MOST_NAMES)

    def get(self, name: str) -> GraphRecord:
        """The newest revision of a graph.

        Raises:
            NotFoundError: there is no graph of that name.
        """
        record = self._records.get(name) if _is_name(name) else None
        if record is None:
            raise NotFoundError("there is no such graph")
        return record
