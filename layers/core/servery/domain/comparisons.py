"""What a shadow answered beside what was answered: one line of the lake for each request."""

from __future__ import annotations

from datetime import datetime

import msgspec

from servery.domain.predicted import Class, Predicted

PREFIX = "comparisons"


class Comparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request, answered by one version and, later, by another.

    Attributes:
        schema: Version of this structure.
        id: Of the copy; one that was compared twice stands here twice.
        request_id: What joins the line with the prediction log.
        time: When the request was answered, ISO 8601, UTC.
        day: The day of it; the lake is partitioned by model and day.
        model: Name of the model.
        revision: Of the deployment that the request was answered by.
        version: Who answered.
        shadow: Who was asked too.
        status: HTTP status of what the shadow said; 0 where it said nothing.
        error: Class of the error, where the shadow had no answer or none that compares.
        cache: What the cache did for the answer: hit, partial, miss or off.
        rows: Rows that were compared.
        agreed: Rows of which both said the same.
        classes: Of each row the class that was answered, and that of the shadow; left out where
            the target is personal.
        differences: Of each row the number of the shadow minus the one that was answered; of
            features the one that is furthest away.
        latency_ms: From the request to its answer, in the gateway.
        shadow_latency_ms: From asking the shadow to what it said.
        shadow_model_ms: Of it, in the model.
    """

    schema: int = 1
    id: str
    request_id: str
    time: str
    day: str
    model: str
    revision: int
    version: str
    shadow: str
    status: int = 0
    error: str = ""
    cache: str = "off"
    rows: int = 0
    agreed: int = 0
    classes: list[tuple[Class, Class]] | None = None
    differences: list[float] | None = None
    latency_ms: float
    shadow_latency_ms: float = 0.0
    shadow_model_ms: float = 0.0


def compared(line: Comparison, answered: Predicted, shadow: Predicted) -> Comparison:
    """A line with what two answers have in common, and what not.

    Answers that are not of the same kind and size compare to nothing; the line says so.
    """
    if answered.classes is not None and shadow.classes is not None:
        pairs = list(zip(answered.classes, shadow.classes, strict=False))
        found = msgspec.structs.replace(
            line, rows=len(pairs), agreed=sum(one == other for one, other in pairs), classes=pairs
        )
    elif answered.numbers is not None and shadow.numbers is not None:
        differences = [
            max((b - a for a, b in zip(one, other, strict=False)), key=abs, default=0.0)
            for one, other in zip(answered.numbers, shadow.numbers, strict=False)
        ]
        found = msgspec.structs.replace(
            line,
            rows=len(differences),
            agreed=sum(not difference for difference in differences),
            differences=differences,
        )
    else:
        return msgspec.structs.replace(line, error="IncomparableError")
    if answered.rows != shadow.rows or _widths(answered) != _widths(shadow):
        return msgspec.structs.replace(line, error="IncomparableError")
    return found


def shadow_said(line: Comparison, answered: Predicted | None) -> Predicted | None:
    """What the shadow predicted; None where the line does not tell.

    Args:
        line: Of numbers it has how far they are from the answer's.
        answered: What was answered, where somebody knows.
    """
    if line.classes is not None:
        return Predicted(classes=[shadow for _, shadow in line.classes])
    numbers = None if answered is None else answered.numbers
    if line.differences is None or numbers is None or len(numbers) != len(line.differences):
        return None
    if any(len(row) != 1 for row in numbers):
        return None
    pairs = zip(numbers, line.differences, strict=True)
    return Predicted(numbers=[[own + apart] for (own,), apart in pairs])


def without_classes(line: Comparison) -> Comparison:
    """The line without what the target is, where that is about persons."""
    return msgspec.structs.replace(line, classes=None)


def object_key(model: str, at: datetime, name: str) -> str:
    """Where lines of a model are kept that were made at a time; names of one second differ."""
    return f"{PREFIX}/model={model}/day={at.date().isoformat()}/{at:%H%M%S}-{name}.jsonl"


def _widths(predicted: Predicted) -> set[int]:
    return {len(numbers) for numbers in predicted.numbers or ()}
