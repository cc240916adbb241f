"""What a model server answered for a hop: rows that can be used, or the failure of the hop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec

from servery.domain.graph_records import StepReport, StepState
from servery.domain.manifest import Part
from servery.errors import (
    BadAnswerError,
    DeadlineExceededError,
    HopUnavailableError,
    InvalidInputError,
    ServeryError,
    TooLargeError,
    UnusableAnswerError,
    Violation,
)
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.messages import Body, Problem, Reply
from servery.usecases.graph.values import ABSENT, Row, find

GONE = 409
OK = 200
_TOO_LARGE, _INVALID, _THROTTLED, _SLOW = 413, 422, 429, 504
_SERVER_ERROR, _UNAVAILABLE = 500, 503


@dataclass(frozen=True, slots=True)
class Inference:
    """What a model answered.

    Attributes:
        rows: Its answer for each row, in order; every wanted path is there.
        model_version: The version that answered.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
        pair: The pair that it is a half of; empty for a whole model.
        halves: What became of the two of a pair in a line.
    """

    rows: list[Row]
    model_version: str
    model_ms: float
    degraded: bool
    pair: str = ""
    halves: list[StepReport] = field(default_factory=list)


def read(hop: ModelHop, reply: Reply, *, rows: int, pair: str, seconds: float) -> Inference:
    """The answer out of a reply.

    Args:
        hop: Who was asked.
        reply: What it said.
        rows: How many rows it was asked about.
        pair: The pair that had to answer.
        seconds: How long it had.

    Raises:
        InvalidInputError, TooLargeError, DeadlineExceededError, HopUnavailableError,
            BadAnswerError: as `ModelCaller.ask` says.
    """
    if reply.status != OK:
        raise _failure(hop, reply, seconds)
    if reply.pair != pair:
        raise UnusableAnswerError(hop.name, f"{hop.name} answered as the half of another pair")
    answers = _predictions(hop, reply, rows)
    return Inference(
        answers,
        reply.model_version,
        reply.model_ms + reply.preprocess_ms,
        reply.degraded,
        pair=reply.pair,
        halves=_halves(hop, reply, rows) if hop.in_line else [],
    )


def _failure(hop: ModelHop, reply: Reply, seconds: float) -> ServeryError:
    """The failure that a status means, of the half that it comes from."""
    name = f"{hop.name}.{reply.hop}" if hop.in_line and reply.hop in _HALVES else hop.name
    status = reply.status
    if status == _INVALID and reply.hop != Part.PREDICTOR:
        return _refusal(hop, reply)
    if status == _TOO_LARGE:
        return TooLargeError(f"{name} does not take as many rows at once; send fewer")
    if status in (_THROTTLED, _UNAVAILABLE) or (status == GONE and not _strange(hop, reply)):
        reason = reply.reason or "the model server has no model at the moment"
        return HopUnavailableError(name, f"{name} cannot answer: {reason}")
    if status == _SLOW:
        return DeadlineExceededError(name, seconds)
    return BadAnswerError(name, f"{name} {_what(hop, reply)}")


def _strange(hop: ModelHop, reply: Reply) -> bool:
    """Whether a half of another pair was asked; else the server is there for another model."""
    return hop.paired and not reply.mismatch


def _what(hop: ModelHop, reply: Reply) -> str:
    if reply.status == GONE:
        return f"is not of that pair: {reply.reason or 'it refused'}"
    if hop.lookup is not None and reply.status >= _SERVER_ERROR and reply.reason:
        return f"failed: {reply.reason}"
    what = "failed" if reply.status >= _SERVER_ERROR else "did not understand what it was asked"
    return f"{what} ({reply.status})"


def _halves(hop: ModelHop, reply: Reply, rows: int) -> list[StepReport]:
    said = {
        Part.PREPROCESSOR: (reply.preprocessor_version, reply.preprocess_ms),
        Part.PREDICTOR: (reply.model_version, reply.model_ms),
    }
    return [
        StepReport(
            name=f"{hop.name}.{half}",
            state=StepState.OK,
            rows=rows,
            model_version=version,
            ms=milliseconds,
        )
        for half, (version, milliseconds) in said.items()
    ]


def _predictions(hop: ModelHop, reply: Reply, rows: int) -> list[Row]:
    try:
        answers = msgspec.json.decode(reply.body, type=Body).predictions
    except msgspec.DecodeError as error:
        message = f"{hop.name} answered what nobody can read"
        raise UnusableAnswerError(hop.name, message) from error
    if len(answers) != rows:
        message = f"{hop.name} answered {len(answers)} rows instead of {rows}"
        raise UnusableAnswerError(hop.name, message)
    for answer in answers:
        wrong = _unfit(answer) if hop.preprocesses else _wrong(answer)
        wrong = wrong or _other_unit(hop, answer) or _lacking(hop, answer)
        if wrong:
            raise UnusableAnswerError(hop.name, f"{hop.name} answered badly: {wrong}")
    return answers


def _wrong(answer: Row) -> str:
    """What is wrong with the answer of a model for a row; empty where nothing is."""
    value = answer.get("class", answer.get("value"))
    if value is None:
        return "neither class nor value is there"
    if "class" in answer and not isinstance(value, (str, int)):
        return "the class is none"
    if "class" not in answer and not _is_number(value):
        return "the value is not a number"
    scores = answer.get("probabilities", {})
    if not isinstance(scores, dict) or not all(map(_is_number, scores.values())):
        return "the probabilities are not numbers"
    return ""


def _other_unit(hop: ModelHop, answer: Row) -> str:
    """That a value is in another unit than the graph was checked with: a release changed it."""
    unit = answer.get("unit", hop.unit)
    if not hop.unit or unit == hop.unit:
        return ""
    return f"the value is in another unit than {hop.unit}; register the graph again"


def _unfit(answer: Row) -> str:
    """What is wrong with the features of a row; empty where nothing is."""
    features = answer.get("features")
    if not isinstance(features, dict) or not features:
        return "there are no features"
    return "" if all(map(_is_number, features.values())) else "the features are not numbers"


def _lacking(hop: ModelHop, answer: Row) -> str:
    """What somebody reads and is not there; empty where all of it is."""
    score = find(answer, hop.score) if hop.score else 0.0
    if not _is_number(score):
        return f"{hop.score} is {'missing' if score is ABSENT else 'not a number'}"
    lacking = [path for path in hop.wanted if find(answer, path) is ABSENT]
    return f"{lacking[0]} is missing" if lacking else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refusal(hop: ModelHop, reply: Reply) -> ServeryError:
    try:
        found = msgspec.json.decode(reply.body, type=Problem).errors
    except msgspec.DecodeError:
        return BadAnswerError(hop.name, f"{hop.name} refused its input and nobody can read why")
    return InvalidInputError(
        f"{hop.name} refuses its input", tuple(Violation(w.field, w.message) for w in found)
    )


_HALVES = frozenset(Part)
