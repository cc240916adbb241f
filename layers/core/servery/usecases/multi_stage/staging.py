"""Takes rows through two stages: the light model now, then a job for the heavy one.

Neither stage is hurt by what befalls the other. Only input that the light model refuses ends the
request: the heavy one was sent the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.stages import HEAVY, LIGHT
from servery.errors import (
    BadAnswerError,
    NotFoundError,
    RejectedError,
    ServeryError,
    UnavailableError,
)
from servery.usecases.multi_stage.columns import Row, body_of, check_columns

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.stages import Accepted, Answered
    from servery.ports import Deployments
    from servery.ports.stages import JobDesk, ModelDesk
    from servery.usecases.multi_stage.signatures import Signatures

RESERVE_SECONDS = 4.0
"""Of this function's time, kept from the light model for writing the job down."""

Prediction = dict[str, str | msgspec.Raw]
"""What is answered for a row, and by which stage."""

_OK, _BAD_REQUEST, _THROTTLED, _SERVER_ERROR = 200, 400, 429, 500
_PINNED_ELSEWHERE = 409  # the server's own trouble, not the caller's


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedAsk:
    """A request as it came.

    Attributes:
        records: The rows.
        id: The caller's own id.
        key: The caller's idempotency key, for the job; None for none.
        callback_url: Whom the job tells; None for nobody.
        request_id: What every log knows the request by.
        seconds: How long this function may still run.
    """

    records: Sequence[Row]
    id: str | None
    key: str | None
    callback_url: str | None
    request_id: str
    seconds: float


class _Light(msgspec.Struct, frozen=True):
    predictions: list[dict[str, msgspec.Raw]]


@dataclass(slots=True, kw_only=True)
class Staged:
    """How far a request came.

    Attributes:
        light: Who answers for the light model.
        body: What the light model was asked.
        answered: What it answered.
        predictions: Its answer for each row; None where it gave none.
        light_error: Why it gave none, where no answer says so.
        accepted: The job of the heavy model.
        heavy_error: Why there is none.
    """

    light: Deployment
    body: str = ""
    answered: Answered | None = None
    predictions: list[Prediction] | None = None
    light_error: Exception | None = None
    accepted: Accepted | None = None
    heavy_error: Exception | None = None

    @property
    def refused(self) -> bool:
        """Whether the light model refused its input."""
        status = self.answered.status if self.answered else 0
        ours = status in (_PINNED_ELSEWHERE, _THROTTLED)
        return _BAD_REQUEST <= status < _SERVER_ERROR and not ours


@dataclass(frozen=True, slots=True)
class _Stage:
    """One of the two models as far as it is known now, or why it is not."""

    inputs: tuple[str, ...] | None = None
    error: Exception | None = None


class Staging:
    """Asks the light model, and leaves the heavy one a job.

    Args:
        deployments: Who answers for which model.
        signatures: What models take.
        models: Asks a model at once.
        jobs: Accepts jobs.
    """

    def __init__(
        self,
        deployments: Deployments,
        signatures: Signatures,
        models: ModelDesk,
        jobs: JobDesk,
    ) -> None:
        self._deployments = deployments
        self._signatures = signatures
        self._models = models
        self._jobs = jobs

    def locate(self, model: str) -> Staged:
        """A request for a model with two stages, not asked yet.

        Raises:
            NotFoundError: nothing is released under that name, or it has no second stage.
        """
        light = self._deployments.get(model)
        if not light.second_stage:
            raise NotFoundError(
                f"{model} has no second stage; a spec names one as serving.second_stage, and the "
                "next release takes it over"
            )
        return Staged(light=light)

    def ask(self, staged: Staged, asked: StagedAsk) -> None:
        """Take the rows through both stages; what becomes of them is noted in `staged`.

        Raises:
            RejectedError: the rows, the key or the callback's address cannot be accepted.
        """
        light, heavy = self._known(staged.light), self._second(staged.light.second_stage)
        check_columns(asked.records, light.inputs, heavy.inputs)
        self._jobs.check(key=asked.key, callback_url=asked.callback_url)
        self._now(staged, light, asked)
        if not staged.refused:
            self._later(staged, heavy, asked)

    def _known(self, deployment: Deployment) -> _Stage:
        try:
            return _Stage(self._signatures.inputs(deployment.champion.ref))
        except Exception as error:
            return _Stage(error=error)

    def _second(self, model: str) -> _Stage:
        try:
            deployment = self._deployments.get(model)
        except NotFoundError as error:
            told = f"the second stage, {model}, is not released"
            return _Stage(error=_because(UnavailableError(told), error))
        except Exception as error:
            return _Stage(error=error)
        return self._known(deployment)

    def _now(self, staged: Staged, light: _Stage, asked: StagedAsk) -> None:
        if light.inputs is None:
            staged.light_error = light.error
            return
        staged.body = body_of(asked.records, light.inputs, asked.id).decode()
        try:
            staged.answered = self._models.ask(
                staged.light,
                staged.body,
                request_id=asked.request_id,
                seconds=asked.seconds - RESERVE_SECONDS,
            )
            if staged.answered.status == _OK:
                staged.predictions = _marked(staged.answered.body, len(asked.records))
        except RejectedError:
            raise
        except Exception as error:
            staged.light_error = error

    def _later(self, staged: Staged, heavy: _Stage, asked: StagedAsk) -> None:
        if heavy.inputs is None:
            staged.heavy_error = heavy.error
            return
        try:
            staged.accepted = self._jobs.submit(
                staged.light.second_stage,
                body_of(asked.records, heavy.inputs, asked.id),
                stage=HEAVY,
                key=asked.key,
                callback_url=asked.callback_url,
                request_id=asked.request_id,
            )
        except Exception as error:
            staged.heavy_error = error


def _marked(body: str, rows: int) -> list[Prediction]:
    """The predictions of an answer, each with its stage; numbers stay as they were written."""
    try:
        predictions = msgspec.json.decode(body, type=_Light).predictions
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadAnswerError(LIGHT, "the light model answered what nobody can read") from error
    if len(predictions) != rows:
        told = f"the light model answered {len(predictions)} rows instead of {rows}"
        raise BadAnswerError(LIGHT, told)
    return [{"stage": LIGHT, **row} for row in predictions]


def _because(error: ServeryError, cause: Exception) -> ServeryError:
    error.__cause__ = cause
    return error
