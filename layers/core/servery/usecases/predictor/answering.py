"""The answer to one request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from servery.domain.inference import AnswerContext
from servery.domain.pairs import check_pair
from servery.errors import InvalidInputError, RejectedError, UnavailableError
from servery.usecases.predictor.shelf import FIRST_PAUSE

if TYPE_CHECKING:
    from servery.usecases.predictor.shelf import Chosen


class Asked(msgspec.Struct, frozen=True):
    """One request to predict.

    Attributes:
        body: As the caller sent it, decoded from base64.
        request_id: For correlation.
        route: Why this server was asked: `champion`, `version`, ...
        cache: What the prediction cache did.
        pair: Id of the pair whose features the body holds; empty where it holds none.
    """

    body: bytes
    request_id: str
    route: str
    cache: str
    pair: str = ""


class Answered(msgspec.Struct, frozen=True):
    """The answer to one request.

    Attributes:
        body: The complete document.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
    """

    body: bytes
    rows: int
    model_ms: float


def infer(chosen: Chosen, asked: Asked) -> Answered:
    """Predict the rows of a request.

    Raises:
        RejectedError: the body is not acceptable.
        PairMismatchError: it holds the features of another preprocessor than the model's own.
        UnavailableError: it does not fit the model that stands in, which says nothing about it.
    """
    model = chosen.model
    if asked.pair != model.ref.pair:
        _check_pair(chosen, asked.pair)
    try:
        question = model.codec.decode(asked.body)
        started = time.perf_counter()
        prediction = model.predict(question)
        model_ms = (time.perf_counter() - started) * 1000
        body = model.codec.encode(question, prediction, context_of(chosen, asked))
    except InvalidInputError as error:
        if chosen.degraded:
            raise misfit() from error
        raise
    return Answered(body, question.rows, round(model_ms, 3))


def _check_pair(chosen: Chosen, pair: str) -> None:
    try:
        check_pair(chosen.model.ref, chosen.model.manifest.pair, pair)
    except RejectedError as error:
        if chosen.degraded:
            raise misfit() from error
        raise


def misfit() -> UnavailableError:
    """What to say of a request that does not fit a stand-in: that it may come again."""
    return UnavailableError("the model cannot be loaded at the moment", retry_after=FIRST_PAUSE)


def context_of(chosen: Chosen, asked: Asked) -> AnswerContext:
    """What the answer to a request says about itself."""
    ref = chosen.model.ref
    return AnswerContext(
        model=ref.model,
        model_version=ref.version,
        request_id=asked.request_id,
        served_by=asked.route,
        cache=asked.cache,
        degraded=chosen.degraded,
        pair=ref.pair,
    )
