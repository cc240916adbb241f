"""The data of entities where they are nearest: in this process, in the table, in the lake.

    entities = LayeredEntities(table, clock, lake=LakeEntities(read))
    entities.get_many("customer", {"c-1"}, Keeping(seconds=10, from_lake=True))

Only what a lookup asks for is done: without a keeping every read goes to the table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from servery.adapters.kept_bytes import KeptBytes
from servery.domain.entities import Keeping
from servery.errors import FaultError, ServeryError

if TYPE_CHECKING:
    from servery.adapters.lake_entities import LakeEntities
    from servery.ports import Clock

KEPT_BYTES = 8 * 1024 * 1024
"""Of the entities that a process has at hand."""
LAKE_SECONDS = 86_400
"""How long the table keeps what was read out of the lake."""
_TABLE = Keeping()


class Table(Protocol):
    """The table of features."""

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key."""
        ...

    def add(self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int) -> None:
        """Keep the data of an entity for so long, unless there are some by now."""
        ...


class LayeredEntities:
    """Reads entities; any number of threads may, where the table and the lake allow it.

    Args:
        table: The table of features.
        clock: What ages go by.
        lake: Gives what reads the lake, when a lookup asks for it first; None where nothing does.
        most_bytes: Bytes that the process keeps at hand.
    """

    def __init__(
        self,
        table: Table,
        clock: Clock,
        *,
        lake: Callable[[], LakeEntities] | None = None,
        most_bytes: int = KEPT_BYTES,
    ) -> None:
        self._table = table
        self._clock = clock
        self._lake = lake
        self._kept = KeptBytes(most_bytes)

    def get_many(
        self, entity: str, keys: Collection[str], keeping: Keeping = _TABLE, /
    ) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key.

        Data from the process are as old as the lookup allows at the most, whatever becomes of
        them meanwhile. What comes out of the lake is in the table for those who ask next.

        Raises:
            RetryableError: the table, or the lake, cannot be read now. What was read out of the
                lake until then is in the table.
            FaultError: the lake has something else than an entity there.
        """
        found = self._at_hand(entity, keys, keeping.seconds)
        left = [key for key in keys if key not in found]
        read = self._table.get_many(entity, left) if left else {}
        missing = [key for key in left if key not in read]
        if keeping.from_lake and missing:
            read = {**read, **self._from_lake(entity, missing)}
        if keeping.seconds:
            now = self._clock.now().timestamp()
            for key, data in read.items():
                self._kept.put((entity, key), msgspec.json.encode(data), at=now)
        return {**found, **read}

    def _at_hand(
        self, entity: str, keys: Collection[str], seconds: float
    ) -> dict[str, Mapping[str, Any]]:
        if not seconds:
            return {}
        since = self._clock.now().timestamp() - seconds
        kept = {key: self._kept.get((entity, key), since=since) for key in keys}
        return {key: msgspec.json.decode(one) for key, one in kept.items() if one is not None}

    def _from_lake(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        if self._lake is None:
            raise FaultError("nothing here reads entities out of the lake")
        found = {}
        for key, data in self._lake().found(entity, keys):
            found[key] = data
            try:
                self._table.add(entity, key, data, seconds=LAKE_SECONDS)
            except ServeryError:
                continue  # it is read anew next time
        return found
