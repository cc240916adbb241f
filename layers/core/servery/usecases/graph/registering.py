"""Registers a graph: checked against the models it names, and never over what one has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.errors import ConflictError, NotFoundError
from servery.usecases.graph.checking import check_graph
from servery.usecases.graph.models import Models

if TYPE_CHECKING:
    from collections.abc import Collection

    from servery.ports import Clock, GraphStore, ObjectStore, Registry


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of a registration.

    Attributes:
        record: The graph as it is registered now.
        new: Whether there was no graph of that name before.
    """

    record: GraphRecord
    new: bool


class Registrar:
    """Registers graphs.

    Args:
        graphs: Where they are kept.
        registry: Who answers for the models that they name.
        objects: The manifests of the models.
        clock: The time.
        named: Names of the aggregators in the deploy's allow-list.
    """

    def __init__(
        self,
        graphs: GraphStore,
        registry: Registry,
        objects: ObjectStore,
        clock: Clock,
        named: Collection[str] = (),
    ) -> None:
        self._graphs = graphs
        self._registry = registry
        self._objects = objects
        self._clock = clock
        self._named = named

    def register(self, spec: GraphSpec, *, expected: int | None = None) -> Registered:
        """Register a graph, or a change of one.

        The same declaration keeps its revision, unless the models that it names have come to
        take or to answer something else: then what was found out about it is written anew.

        Args:
            spec: As its author declares it.
            expected: The revision that the author has seen; None where that does not matter.

        Raises:
            InvalidSpecError: it does not hold together; with everything that is wrong.
            ConflictError: the graph is at another revision, or was changed meanwhile.
        """
        current = self._current(spec.name)
        if expected is not None and (current is None or current.revision != expected):
            now = "is not registered" if current is None else f"is at revision {current.revision}"
            raise ConflictError(f"{spec.name} {now}, not at {expected}")
        checked = check_graph(
            spec,
            Models(self._registry, self._objects),
            named=self._named,
            graph_of=self._graphs.get,
        )
        record = GraphRecord(
            spec=spec,
            revision=self._last(spec.name, current) + 1,
            registered=self._clock.now().isoformat(),
            checked=checked.pinned,
            request=checked.request,
        )
        if current is not None and _says_the_same(current, record):
            return Registered(current, new=False)
        self._graphs.put(record)
        return Registered(record, new=current is None)

    def _current(self, name: str) -> GraphRecord | None:
        try:
            return self._graphs.get(name)
        except NotFoundError:
            return None

    def _last(self, name: str, current: GraphRecord | None) -> int:
        """The last revision there was; one that was taken out counts on."""
        if current is not None:
            return current.revision
        history = self._graphs.history(name, limit=1, before=0)
        return history[0].revision if history else 0


def _says_the_same(old: GraphRecord, new: GraphRecord) -> bool:
    """Whether nothing would be otherwise for a caller; versions of models come and go."""
    signatures = [
        {name: (p.model, p.signature) for name, p in record.checked.items()}
        for record in (old, new)
    ]
    return old.spec == new.spec and old.request == new.request and signatures[0] == signatures[1]
