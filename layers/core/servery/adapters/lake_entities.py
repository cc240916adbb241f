"""The data of entities in the lake: one JSON object under each key."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from servery.errors import FaultError, UnavailableError

PREFIX = "entities"
SECONDS = 2.0
"""How long the reads of one request may take."""
MOST_BYTES = 64_000
"""As many as an entity may have that comes over HTTP."""
_LONGEST_KEY = 1024

Read = Callable[[str], bytes | None]


class LakeEntities:
    """Reads entities out of the lake, one after the other.

    Args:
        read: Reads an object; None where there is none.
        seconds: How long one call may take in all.
    """

    def __init__(self, read: Read, *, seconds: float = SECONDS) -> None:
        self._read = read
        self._seconds = seconds

    def found(self, entity: str, keys: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Those that there are with their data, as they are read.

        Raises:
            UnavailableError: the time was up before all were read.
            FaultError: what is there is no entity.
        """
        until = time.monotonic() + self._seconds
        for key in keys:
            place = place_in_lake(entity, key)
            if not place:
                continue
            if time.monotonic() > until:
                raise UnavailableError("reading entities out of the lake takes too long")
            content = self._read(place)
            if content is not None:
                yield key, _data(content)


def place_in_lake(entity: str, key: str) -> str:
    """Key of the object of an entity; empty where none can have such a name."""
    place = f"{PREFIX}/{entity}/{key}.json"
    try:
        size = len(place.encode())
    except UnicodeEncodeError:
        return ""
    plain = key and size <= _LONGEST_KEY and not {".", ".."} & set(key.split("/"))
    return place if plain else ""


def _data(content: bytes) -> Mapping[str, Any]:
    if len(content) > MOST_BYTES:
        raise FaultError(f"the lake has an entity of more than {MOST_BYTES // 1000} kB")
    try:
        data = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise FaultError("the lake has an entity that is no JSON") from error
    if not isinstance(data, dict):
        raise FaultError("the lake has an entity that is no JSON object")
    return data
