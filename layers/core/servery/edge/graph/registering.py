"""Graphs over HTTP: registering, reading, taking out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.domain.json_pairs import Pairs, shown
from servery.edge.api import Call
from servery.edge.findings import is_array, parse_pairs
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body, read_page
from servery.errors import InvalidInputError, NotFoundError, Violation
from servery.usecases.graph.registering import Registrar

if TYPE_CHECKING:
    from servery.ports import GraphStore

CREATED, NO_CONTENT = 201, 204
_MOST_REVISION = 10**8 - 1
_is_tag = re.compile(r'"([1-9][0-9]{0,7})"', re.ASCII).fullmatch


class GraphList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of graphs by name; `next` is the `before` of the page behind it."""

    graphs: list[GraphRecord]
    next: str = ""


class GraphsApi:
    """Answers the routes of graphs as records.

    Args:
        graphs: Where they are kept.
        registrar: Checks and registers them.
    """

    def __init__(self, graphs: GraphStore, registrar: Registrar) -> None:
        self._graphs = graphs
        self._registrar = registrar

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "list_graphs": self._list,
            "register_graph": self._register,
            "get_graph": self._get,
            "remove_graph": self._remove,
        }

    def _list(self, request: Request, _: dict[str, str]) -> Answer:
        limit, after = read_page(request)
        left = [record for record in self._graphs.all() if record.spec.name > after]
        page = left[:limit]
        more = page[-1].spec.name if len(left) > limit else ""
        return Answer(body=GraphList(graphs=page, next=more))

    def _register(self, request: Request, _: dict[str, str]) -> Answer:
        check_query(request)
        expected = _expected(request)
        if not request.content().strip():
            raise InvalidInputError(
                "the body is not acceptable", (Violation("body", "is missing: a graph as JSON"),)
            )
        spec = read_body(request, GraphSpec)
        _refuse_repeated(request.content())
        made = self._registrar.register(spec, expected=expected)
        answer = _about(made.record)
        if not made.new:
            return answer
        where = {"location": f"graphs/{made.record.spec.name}"}
        return Answer(CREATED, answer.body, answer.headers | where, dimensions=answer.dimensions)

    def _get(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request, {"revision"})
        name, asked = parameters["graph"], request.query.get("revision")
        if asked is None:
            return _about(self._graphs.get(name))
        revision = _revision(asked)
        found = self._graphs.history(name, limit=1, before=revision + 1)
        if not found or found[0].revision != revision:
            raise NotFoundError("there is no such revision of a graph of that name")
        return _about(found[0])

    def _remove(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        self._graphs.remove(parameters["graph"])
        return Answer(status=NO_CONTENT, dimensions={"model": parameters["graph"]})


def _refuse_repeated(content: bytes) -> None:
    """Let pass only a declaration in which every name is said once; of two, one would be lost."""
    for field in _repeated(parse_pairs(content), ""):
        wrong = (Violation(field, "is there twice"),)
        raise InvalidInputError(f"the body is not acceptable: {field}: is there twice", wrong)


def _repeated(value: Any, path: str) -> Iterator[str]:
    """The fields that an object has for a second time."""
    if isinstance(value, Pairs):
        seen: set[str] = set()
        for name, member in value:
            field = f"{path}.{shown(name)}" if path else shown(name)
            if name in seen:
                yield field
            seen.add(name)
            yield from _repeated(member, field)
    elif is_array(value):
        for index, member in enumerate(value):
            yield from _repeated(member, f"{path}[{index}]")


def _about(record: GraphRecord) -> Answer:
    tag = {"etag": f'"{record.revision}"'}
    return Answer(body=record, headers=tag, dimensions={"model": record.spec.name})


def _expected(request: Request) -> int | None:
    given = request.headers.get("if-match")
    if given is None:
        return None
    match = _is_tag(given.strip())
    if match is None:
        raise InvalidInputError(
            "a header is not acceptable",
            (Violation("If-Match", 'is the revision of the graph in quotes, "3"'),),
        )
    return int(match[1])


def _revision(given: str) -> int:
    if given.isascii() and given.isdigit() and 1 <= len(given) <= len(str(_MOST_REVISION)):
        return min(int(given), _MOST_REVISION - 1)
    raise InvalidInputError("the query is not acceptable", (Violation("revision", "is a number"),))
