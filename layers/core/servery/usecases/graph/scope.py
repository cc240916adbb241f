"""What references of a graph lead to: columns of the request, and answers of steps."""

from __future__ import annotations

import re
from collections.abc import Mapping

from servery.domain.entities import EntityColumn, Reference
from servery.domain.graphs import REQUEST
from servery.domain.names import COLUMN_NAME
from servery.domain.signature import Dtype, Field
from servery.errors import Violation
from servery.usecases.graph.types import Answers, Value, listing

_is_column = re.compile(COLUMN_NAME).fullmatch
KEYS = (Dtype.STRING, Dtype.INT)


class Scope:
    """Looks references up, and learns from whoever reads a column what the request has to have.

    Args:
        answers: Step to what it answers; None where that cannot be told, since something else
            is wrong with it.
    """

    def __init__(self, answers: Mapping[str, Answers | None]) -> None:
        self._answers = answers
        self._wanted: dict[str, tuple[EntityColumn, str]] = {}
        self.found: list[Violation] = []

    @property
    def request(self) -> list[EntityColumn]:
        """The columns of a request, in the order in which they were asked for."""
        return [column for column, _ in self._wanted.values()]

    def value(self, where: str, reference: Reference) -> Value | None:
        """What a reference to a step has; None where it leads nowhere, which is written down."""
        step, _, path = reference.partition(".")
        answers = self._answers.get(step)
        if answers is None or not path:
            return None
        if path not in answers:
            has = listing(answers) or "nothing that all its members have"
            self.found.append(Violation(where, f"{step} has no {path}; it has {has}"))
            return None
        return answers[path]

    def column(self, reference: Reference) -> EntityColumn | None:
        """A column of the request as it is wanted so far."""
        known = self._wanted.get(reference.partition(".")[2])
        return None if known is None else known[0]

    def want(self, where: str, reference: Reference, field: Field, who: str) -> None:
        """Have a column of the request, with the type and unit of a model's input."""
        name = reference.partition(".")[2]
        if not _is_column(name):
            if name:
                self.found.append(Violation(where, "is no name that a column can have"))
            return
        column = EntityColumn(
            name=name, dtype=field.dtype, unit=field.unit, nullable=field.nullable
        )
        known, first = self._wanted.setdefault(name, (column, who))
        if (known.dtype, known.unit) != (column.dtype, column.unit):
            wanted = f"{column.dtype} in {column.unit} by {who}"
            self.found.append(
                Violation(where, f"wanted as {wanted}, as {known.dtype} in {known.unit} by {first}")
            )
        elif known.nullable and not column.nullable:
            self._wanted[name] = (column, who)

    def want_key(self, where: str, reference: Reference, who: str) -> None:
        """Have the key of an entity: from the request or from a step, text or whole numbers."""
        if not is_request(reference):
            value = self.value(where, reference)
            dtype = None if value is None else value.dtype
        elif (column := self.column(reference)) is None:
            self.want(where, reference, Field(name=who, dtype=Dtype.STRING), who)
            return
        else:
            dtype = column.dtype
        if dtype is not None and dtype not in KEYS:
            self.found.append(Violation(where, f"is {dtype}; a key is text or a whole number"))


def is_request(reference: Reference) -> bool:
    """Whether a reference is to a column of the request."""
    return reference.partition(".")[0] == REQUEST
