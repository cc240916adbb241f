"""Evaluates every model, by schedule, or the one that somebody asks for."""

from __future__ import annotations

import msgspec

from servery.domain.evaluations import Evaluation
from servery.errors import FaultError, RetryableError, ServeryError, UnavailableError
from servery.usecases.monitoring.evaluating import EvaluationPorts, evaluate


class EvaluateEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What is evaluated.

    Attributes:
        model: Name of the model; empty for all that are released.
    """

    model: str = ""


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What the versions are worth; of one model only what was found, of all how many there are."""

    evaluations: list[Evaluation] = []
    count: int = 0


def evaluate_all(event: EvaluateEvent, ports: EvaluationPorts) -> Evaluated:
    """Evaluate one model, or each that is released; one that cannot be holds up no other.

    Raises:
        NotFoundError: there is no model of that name.
        UnavailableError: some could not be evaluated now; the others were.
        FaultError: some could not be and will not be; the others were.
    """
    if event.model:
        ports.registry.model(event.model)
        found = evaluate(event.model, ports)
        return Evaluated(evaluations=found, count=len(found))
    count, failed, broken = 0, [], []
    for deployment in ports.registry.deployments():
        try:
            count += len(evaluate(deployment.model, ports))
        except RetryableError:
            failed.append(deployment.model)
        except (ServeryError, msgspec.ValidationError) as error:
            broken.append(f"{deployment.model} ({error})")
    if broken:
        raise FaultError(f"these cannot be evaluated: {', '.join(broken)}")
    if failed:
        raise UnavailableError(f"these could not be evaluated: {', '.join(failed)}")
    return Evaluated(count=count)
