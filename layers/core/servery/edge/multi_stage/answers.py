"""One answer out of what became of two stages."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.stages import HEAVY, LIGHT
from servery.edge.http import Answer
from servery.edge.problem import CONTENT_TYPE, problem
from servery.errors import UnavailableError
from servery.usecases.multi_stage.staging import Staged, StagedAsk
from servery.usecases.multi_stage.views import Next, StagedAnswer

ROUTE = "staged"
REFUSED = "refused"
OK, ACCEPTED = 200, 202


def answer_of(staged: Staged, asked: StagedAsk) -> Answer:
    """What the caller is answered, once both stages have been asked.

    Raises:
        UnavailableError: neither stage has an answer, or will have one.
    """
    headers = {"x-model-version": version_of(staged)} if version_of(staged) else {}
    known = dimensions(staged)
    if staged.refused and staged.answered is not None:
        refusal = staged.answered
        return Answer(refusal.status, refusal.body, headers, CONTENT_TYPE, known)
    first = staged.predictions is not None
    if staged.accepted is not None:
        # Relative, since the path has the stage before it on the API's own address.
        headers["location"] = f"../../../jobs/{staged.accepted.job}"
    elif not first:
        raise _neither(staged, asked)
    if not first:
        headers["retry-after"] = "1"
    return Answer(OK if first else ACCEPTED, _view(staged, asked), headers, dimensions=known)


def light_problem(staged: Staged, request_id: str) -> dict[str, Any]:
    """Why the light model gave no predictions: its own problem document, or one of the error."""
    if staged.light_error is None and staged.answered is not None:
        try:
            return msgspec.json.decode(staged.answered.body, type=dict[str, Any])
        except msgspec.DecodeError:
            pass
    error = staged.light_error or UnavailableError("the light model has no answer at the moment")
    return problem(error, request_id=request_id)


def version_of(staged: Staged) -> str:
    """The version of the light model that answered; empty where none did."""
    return staged.answered.model_version if staged.answered else ""


def dimensions(staged: Staged) -> dict[str, str]:
    """Model and version for the metrics: those of the light model."""
    version = version_of(staged) or staged.light.champion.ref.version
    return {"model": staged.light.model, "model_version": version}


def _view(staged: Staged, asked: StagedAsk) -> StagedAnswer:
    stood_in = staged.answered is not None and staged.answered.degraded
    missing = staged.predictions is None
    return StagedAnswer(
        id=asked.id,
        model=staged.light.model,
        model_version="" if missing else version_of(staged),
        request_id=asked.request_id,
        served_by=ROUTE,
        stage=LIGHT,
        predictions=staged.predictions,
        next=_next(staged, asked.request_id),
        degraded=staged.accepted is None or stood_in,
        error=light_problem(staged, asked.request_id) if missing else None,
    )


def _next(staged: Staged, request_id: str) -> Next:
    model, accepted = staged.light.second_stage, staged.accepted
    if accepted is None:
        reason = _reason(staged.heavy_error, request_id)
        return Next(stage=HEAVY, model=model, state=REFUSED, reason=reason)
    where = f"/jobs/{accepted.job}"
    return Next(stage=HEAVY, model=model, state=accepted.state, job=accepted.job, location=where)


def _neither(staged: Staged, asked: StagedAsk) -> UnavailableError:
    light = light_problem(staged, asked.request_id).get("detail", "")
    heavy = _reason(staged.heavy_error, asked.request_id)
    error = UnavailableError(f"neither stage can answer; {LIGHT}: {light}; {HEAVY}: {heavy}")
    error.__cause__ = staged.light_error or staged.heavy_error
    return error


def _reason(error: Exception | None, request_id: str) -> str:
    """Why there is no job, as far as it is for the caller."""
    return str(problem(error or UnavailableError("no job"), request_id=request_id)["detail"])
