"""A pair in a line: rows in, features made of them, and the predictor asked about those."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servery.domain.deployment import Server
from servery.domain.inference import Form
from servery.domain.json_rows import feature_rows
from servery.domain.manifest import ModelRef, Part
from servery.domain.serving import Mode
from servery.errors import (
    BadAnswerError,
    DeadlineExceededError,
    HopUnavailableError,
    InvalidInputError,
    PairMismatchError,
    RetryableError,
    ServeryError,
    TooLargeError,
    Violation,
)

if TYPE_CHECKING:
    from servery.ports import LoadedModel, ModelServers

PREPROCESSOR, PREDICTOR = Part.PREPROCESSOR.value, Part.PREDICTOR.value
LEAST_SECONDS = 0.05  # with less than this left, asking is of no use
_MOST = 20


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    verb: str = "infer"
    ref: ModelRef
    request_id: str
    route: str
    cache: str
    pair: str
    body: str
    exact: bool


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the predictor answered, a refusal too; as its own events say."""

    status: int
    body: str = ""
    model_version: str = ""
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False
    reason: str = ""
    pair: str = ""
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """What a preprocessor made of a request.

    Attributes:
        body: The request to the predictor, whole.
        rows: How many rows it has.
    """

    body: bytes
    rows: int


def check_mate(ref: ModelRef, mate: ModelRef) -> None:
    """Let pass only a predictor that was trained with this preprocessor.

    Raises:
        PairMismatchError: it is half of another pair, or no predictor.
    """
    if not ref.pair or (ref.part, mate.part) != (Part.PREPROCESSOR, Part.PREDICTOR):
        raise PairMismatchError(f"{ref.model} and {mate.model} are not two halves of a pair")
    if ref.pair != mate.pair:
        raise PairMismatchError(
            f"{ref.model} {ref.version} and {mate.model} {mate.version} were not trained "
            f"together: {ref.pair} and {mate.pair}"
        )


def prepare(model: LoadedModel, body: bytes) -> Features:
    """Make the features of a request, as the body of one to the predictor.

    Raises:
        RejectedError: the body is not acceptable, or a feature of a row is not finite.
    """
    question = model.codec.decode(body)
    if question.form is not Form.RECORDS:
        raise InvalidInputError("only records are handed on to a predictor")
    matrix = np.asarray(model.predict(question).answers, np.float32)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        message = "the preprocessor has no finite features for these values"
        bad = np.flatnonzero(~finite)[:_MOST].tolist()
        raise InvalidInputError(message, tuple(Violation(f"records[{i}]", message) for i in bad))
    rows = feature_rows(tuple(model.manifest.signature.output.features or ())).write(matrix)
    head = b"" if question.id is None else b'"id":' + msgspec.json.encode(question.id) + b","
    return Features(b"{" + head + b'"records":[' + rows + b"]}", question.rows)


class HandOn:
    """Asks predictors about features.

    Args:
        servers: How they are called.
        now: Seconds by the clock that deadlines go by.
    """

    def __init__(self, servers: ModelServers, now: Callable[[], float] = time.monotonic) -> None:
        self._servers = servers
        self.now = now

    def predict(
        self,
        features: Features,
        *,
        function: str,
        mate: ModelRef,
        request_id: str,
        route: str,
        exact: bool,
        until: float,
    ) -> Reply:
        """Have features predicted.

        Args:
            features: Made by the mate's own other half.
            function: The published version of the predictor's function to invoke.
            mate: The predictor.
            request_id: For correlation.
            route: Why it is asked.
            exact: Whether no other version may stand in.
            until: When nobody waits for it any more.

        Raises:
            DeadlineExceededError: making the features has used up the time, or the predictor
                was too slow; the hop says who.
            HopUnavailableError: it cannot be reached, or takes no more at the moment.
            TooLargeError: more bytes than can be passed on.
            BadAnswerError: it crashed, or answered what nobody can read.
        """
        left = until - self.now()
        if left < LEAST_SECONDS:
            raise DeadlineExceededError(PREPROCESSOR, round(max(0.0, left), 3))
        call = _Call(
            ref=mate,
            request_id=request_id,
            route=route,
            cache="off",
            pair=mate.pair,
            body=features.body.decode(),
            exact=exact,
        )
        server = Server(function=function, function_version="", code="", mode=Mode.LOAD)
        try:
            answer = self._servers.call(server, msgspec.json.encode(call), timeout=left)
            return msgspec.json.decode(answer, type=Reply)
        except DeadlineExceededError as error:
            raise DeadlineExceededError(PREDICTOR, round(left, 3)) from error
        except RetryableError as error:
            message = f"the predictor cannot answer: {error.message}"
            raise HopUnavailableError(PREDICTOR, message, retry_after=error.retry_after) from error
        except TooLargeError:
            raise
        except (ServeryError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            said = error if isinstance(error, ServeryError) else "nobody can read its answer"
            raise BadAnswerError(PREDICTOR, f"the predictor failed: {said}") from error
