"""The data of entities over HTTP: keeping, telling, forgetting."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.json_pairs import Pairs, shown
from servery.edge.api import Call
from servery.edge.findings import parse_pairs
from servery.edge.http import Answer, Request, check_media
from servery.edge.strict import MAX_BODY, check_query
from servery.errors import InvalidInputError, TooLargeError, Violation
from servery.usecases.graph.entities import LONGEST_SECONDS, EntityKeeper

if TYPE_CHECKING:
    from servery.ports import EntityStore

MOST_BYTES = 5_000_000
NO_CONTENT = 204
SECONDS = "seconds"
_MOST_DIGITS = 9


class EntitiesKept(msgspec.Struct, frozen=True, kw_only=True):
    """How many entities were kept."""

    entity: str
    kept: int


class EntitiesApi:
    """Answers the routes of entities.

    Args:
        entities: Where their data are kept.
    """

    def __init__(self, entities: EntityStore) -> None:
        self._keeper = EntityKeeper(entities)

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "get_entity": self._get,
            "put_entity": self._put,
            "remove_entity": self._remove,
            "put_entities": self._put_many,
        }

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return Answer(body=self._keeper.get(parameters["entity"], parameters["key"]))

    def _put(self, request: Request, parameters: dict[str, str]) -> Answer:
        seconds = _seconds(request)
        data = _read(request, MAX_BODY, depth=1)
        self._keeper.put(parameters["entity"], parameters["key"], data, seconds=seconds)
        return Answer(status=NO_CONTENT)

    def _remove(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        self._keeper.remove(parameters["entity"], parameters["key"])
        return Answer(status=NO_CONTENT)

    def _put_many(self, request: Request, parameters: dict[str, str]) -> Answer:
        seconds = _seconds(request)
        body = _read(request, MOST_BYTES, depth=3)
        _check_members(body, {"rows"})
        kept = self._keeper.put_many(parameters["entity"], body["rows"], seconds=seconds)
        return Answer(body=EntitiesKept(entity=parameters["entity"], kept=kept))


def _read(request: Request, most: int, *, depth: int) -> dict[str, Any]:
    """The body as a JSON object, with objects so deep inside it.

    Raises:
        TooLargeError: it has more bytes than `most`.
        InvalidInputError: it is no object, or a name is in it twice.
    """
    if request.size > most:
        raise TooLargeError(f"the body has more than {most // 1000} kB")
    check_media(request.headers)
    content = request.content()
    value = _plain(parse_pairs(content), depth) if content.strip() else None
    if not isinstance(value, dict):
        raise _wrong("body", "is not a JSON object")
    return value


def _plain(value: Any, depth: int, path: str = "") -> Any:
    """Objects as dictionaries, so deep; deeper ones stay as they are, and no rule takes them.

    Raises:
        InvalidInputError: an object has a name twice.
    """
    if not (depth and isinstance(value, Pairs)):
        return value
    plain: dict[str, Any] = {}
    for name, member in value:
        field = f"{path}{shown(name)}"
        if name in plain:
            raise _wrong(field, "is there twice")
        plain[name] = _plain(member, depth - 1, f"{field}.")
    return plain


def _check_members(body: dict[str, Any], known: Collection[str]) -> None:
    for name in body:
        if name not in known:
            raise _wrong(shown(name), "is not known here")
    for name in known:
        if name not in body:
            raise _wrong(name, "is missing")


def _seconds(request: Request) -> int | None:
    """How long the data are kept; None for good."""
    check_query(request, {SECONDS})
    given = request.query.get(SECONDS)
    if given is None:
        return None
    if given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS:
        seconds = int(given)
        if 1 <= seconds <= LONGEST_SECONDS:
            return seconds
    raise _wrong(SECONDS, f"is a number from 1 to {LONGEST_SECONDS}")


def _wrong(field: str, message: str) -> InvalidInputError:
    found = Violation(field, message)
    return InvalidInputError(f"the request is not acceptable: {field}: {message}", (found,))
