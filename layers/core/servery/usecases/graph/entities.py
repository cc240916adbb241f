"""Keeping the data of entities: what may be kept, and under which name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.json_pairs import shown
from servery.domain.names import COLUMN_NAME, MODEL_NAME
from servery.errors import InvalidInputError, NotFoundError, TooLargeError, Violation

if TYPE_CHECKING:
    from servery.ports import EntityStore

MOST_ROWS = 1_000
MOST_COLUMNS = 200
MOST_KEY_BYTES = 1_024
MOST_ENTITY_BYTES = 64_000
LONGEST_SECONDS = 10 * 366 * 86_400
MOST_TOLD = 20
_MOST_WHOLE = 2**63
_is_entity = re.compile(MODEL_NAME).search
_is_column = re.compile(COLUMN_NAME).search


class EntityKeeper:
    """Keeps the data of entities and tells them.

    Args:
        entities: Where they are kept.
    """

    def __init__(self, entities: EntityStore) -> None:
        self._entities = entities

    def get(self, entity: str, key: str) -> Mapping[str, Any]:
        """The data of one entity.

        Raises:
            NotFoundError: there are none.
        """
        found = self._entities.get_many(entity, [key]) if _is_entity(entity) else {}
        if key not in found:
            raise NotFoundError("there are no data of that entity")
        return found[key]

    def put(self, entity: str, key: str, data: Any, *, seconds: int | None = None) -> None:  # noqa: ANN401
        """Keep the data of one entity, whole; for so many seconds, or for good.

        Raises:
            InvalidInputError: the name, the key or the data are not acceptable, by field.
            TooLargeError: the data are larger than those of an entity may be.
        """
        _refuse([*_about_name(entity, key), *_about_data("", data)])
        _check_size(data)
        self._entities.put(entity, key, data, seconds=seconds)

    def put_many(self, entity: str, rows: Any, *, seconds: int | None = None) -> int:  # noqa: ANN401
        """Keep the data of several entities, each whole; how many they are.

        Raises:
            InvalidInputError: the name, a key or some data are not acceptable, by field; nothing
                is kept then.
            TooLargeError: they are more, or larger, than may come at once.
        """
        if not isinstance(rows, Mapping):
            _refuse([Violation("rows", "is not an object of objects, by key")])
        if not rows:
            _refuse([Violation("rows", "is empty")])
        if len(rows) > MOST_ROWS:
            raise TooLargeError(f"there are too many rows; one request may have {MOST_ROWS}")
        _refuse(_about_rows(entity, rows))
        for data in rows.values():
            _check_size(data)
        self._entities.put_many(entity, rows, seconds=seconds)
        return len(rows)

    def remove(self, entity: str, key: str) -> None:
        """Forget one entity; nothing happens where there is none."""
        if _is_entity(entity):
            self._entities.remove(entity, key)


def complaint_about_value(value: object) -> str | None:
    """What keeps a value from being kept, without the value; None if nothing does."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _is_text(value) else "is not valid text"
    if isinstance(value, int):
        return None if -_MOST_WHOLE <= value < _MOST_WHOLE else "is too large a number"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number"
    return "is not a number, text, true, false or null"


def _about_rows(entity: str, rows: Mapping[str, Any]) -> list[Violation]:
    found = list(_about_name(entity, "-"))
    for key, data in rows.items():
        path = f"rows.{shown(key)}"
        found += [Violation(path, wrong.message) for wrong in _about_key(key)]
        found += _about_data(f"{path}.", data)
        if len(found) >= MOST_TOLD:
            break
    return found


def _about_name(entity: str, key: str) -> Iterator[Violation]:
    if not _is_entity(entity):
        yield Violation("entity", "is lower-case letters, digits and hyphens, 48 at the most")
    yield from _about_key(key)


def _about_key(key: str) -> Iterator[Violation]:
    if not key or not _is_text(key) or len(key.encode()) > MOST_KEY_BYTES:
        yield Violation("key", f"is not text of 1 to {MOST_KEY_BYTES} bytes")


def _about_data(path: str, data: Any) -> Iterator[Violation]:  # noqa: ANN401
    if not isinstance(data, Mapping):
        yield Violation(path.rstrip(".") or "body", "is not an object of columns")
        return
    if not 1 <= len(data) <= MOST_COLUMNS:
        yield Violation(path.rstrip(".") or "body", f"has 1 to {MOST_COLUMNS} columns")
        return
    for name, value in data.items():
        wrong = complaint_about_value(value) if _is_column(name) else "is no name of a column"
        if wrong:
            yield Violation(f"{path}{shown(name)}", wrong)


def _refuse(found: list[Violation]) -> None:
    if found:
        first, more = found[0], len(found) - 1
        message = f"the data cannot be kept: {first.field}: {first.message}"
        message += f" (and {more} more)" if more else ""
        raise InvalidInputError(message, tuple(found[:MOST_TOLD]))


def _check_size(data: Mapping[str, Any]) -> None:
    if len(msgspec.json.encode(data)) > MOST_ENTITY_BYTES:
        raise TooLargeError(f"an entity may have {MOST_ENTITY_BYTES // 1000} kB")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
