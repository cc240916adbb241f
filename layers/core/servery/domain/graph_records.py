"""A graph as it is registered, and what became of its steps in one request."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from servery.domain.entities import EntityColumn, Reference
from servery.domain.graphs import GraphSpec, Member, Step, kind_of
from servery.domain.manifest import Part


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """What a model looked like when the graph was checked against it.

    Attributes:
        model: Name of the model.
        version: The version that would have answered.
        signature: Digest of its signature.
        inputs: Every input that it is sent, with the reference that it comes from: those that
            the step maps, and `request.NAME` for all others. Asking goes by this alone. None
            that its server looks up itself, and none of a predictor, which takes features.
        numbers: Those inputs that are numbers: true and false go into them as 1 and 0.
        unit: Unit of the value that it answers; empty where it answers none.
    """

    model: str
    version: str
    signature: str
    inputs: dict[str, Reference] = {}
    numbers: list[str] = []
    unit: str = ""


class GraphRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A registered graph.

    Attributes:
        spec: As declared.
        revision: Raised by one with every change; a stale writer loses.
        registered: ISO 8601, UTC.
        checked: The models that it was checked against, by name of the step or member; of a
            pair in a line the predictor, and `STEP.preprocessor` its other half.
        request: The columns of a request, with the type and unit that the steps want.
    """

    spec: GraphSpec
    revision: int
    registered: str
    checked: dict[str, Pinned] = {}
    request: list[EntityColumn] = []


def entry_of(part: Step | Member) -> str:
    """Under what name a record says what goes into a step or member.

    Of a pair in a line that is its preprocessor's; under the step's own name the record has the
    predictor.
    """
    in_line = isinstance(part, Step) and kind_of(part) == "pair"
    return f"{part.name}.{Part.PREPROCESSOR}" if in_line else part.name


class StepState(StrEnum):
    """What became of a step or a member in one request."""

    OK = "ok"
    SKIPPED = "skipped"
    DEFAULT = "default"
    LATE = "late"
    FAILED = "failed"
    NOT_RUN = "not_run"


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One step or member of one request, for the answer and the log.

    Attributes:
        name: Of the step, `group.member` for a member.
        state: What became of it.
        rows: Rows that it was asked about.
        model_version: The version that answered.
        ms: Milliseconds from asking to the answer.
        reason: Why it failed or is late; a sentence without values of the caller.
    """

    name: str
    state: StepState
    rows: int = 0
    model_version: str = ""
    ms: float = 0.0
    reason: str = ""
