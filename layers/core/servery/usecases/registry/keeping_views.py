"""What is kept of versions beside their records, as the registry tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.evaluations import Evaluation
from servery.domain.retrainings import Retrained

if TYPE_CHECKING:
    from servery.ports import Evaluations, Registry, Retrainings


class EvaluationList(msgspec.Struct, frozen=True, kw_only=True):
    """The last evaluation of each version that was ever served, the newest first."""

    evaluations: list[Evaluation]


class RetrainingList(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last alarms, the newest first."""

    retrainings: list[Retrained]


def evaluations(model: str, registry: Registry, kept: Evaluations) -> EvaluationList:
    """What versions of a model are worth; `NotFoundError` where there is no such model."""
    registry.model(model)
    found = sorted(kept.evaluations(model), key=lambda e: (e.at, e.version), reverse=True)
    return EvaluationList(evaluations=found)


def retrainings(model: str, registry: Registry, kept: Retrainings) -> RetrainingList:
    """What became of the last alarms; `NotFoundError` where there is no such model."""
    registry.model(model)
    return RetrainingList(retrainings=kept.retrainings(model))
