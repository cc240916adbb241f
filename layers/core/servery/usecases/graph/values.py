"""Values by reference: what a step reads of the request and of earlier answers, for one row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from servery.domain.graphs import REQUEST, Predicate

Row = dict[str, Any]
ABSENT: Any = object()
"""What a reference finds that is not there; null is a value."""


def find(answer: Any, path: str) -> Any:  # noqa: ANN401 - whatever stands there
    """What stands at a path in an answer, `ABSENT` where there is nothing.

    A name may have dots itself (`probabilities.1.5`): the longest one that fits is taken.
    """
    while path:
        if not isinstance(answer, dict):
            return ABSENT
        if path in answer:
            return answer[path]
        head, _, path = path.partition(".")
        if head not in answer:
            return ABSENT
        answer = answer[head]
    return answer


@dataclass(slots=True)
class Known:
    """What is known of the rows of a request.

    Attributes:
        records: The request's rows.
        answers: By step, the answer for each row; None for the rows that it has none for.
        pairs: By step of a preprocessor, the pair whose features it has answered.
    """

    records: list[Row]
    answers: dict[str, list[Row | None]] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)

    def value(self, reference: str, row: int) -> Any:  # noqa: ANN401
        """What a reference finds for a row, `ABSENT` where that is nothing."""
        root, _, path = reference.partition(".")
        if root == REQUEST:
            return self.records[row].get(path, ABSENT)
        answers = self.answers.get(root)
        return ABSENT if answers is None else find(answers[row], path)

    def concerned(self, references: list[str], when: Predicate | None) -> list[int]:
        """The rows for which a predicate holds, and for which every reference finds something."""
        return [
            row
            for row in range(len(self.records))
            if (when is None or holds(when, self.value(when.of, row)))
            and all(self.value(reference, row) is not ABSENT for reference in references)
        ]


def holds(when: Predicate, value: Any) -> bool:  # noqa: ANN401
    """Whether a predicate holds for a value; never for one that is absent or null."""
    if value is ABSENT or value is None:
        return False
    if when.equals is not None and not same(when.equals, value):
        return False
    if when.among is not None and not any(same(one, value) for one in when.among):
        return False
    if when.above is None and when.below is None:
        return True
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return (when.above is None or value > when.above) and (when.below is None or value < when.below)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two values are the same to a reader: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
