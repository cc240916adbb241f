"""What is kept of versions, and what removes, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from servery.domain.evaluations import Evaluation
from servery.domain.retirements import RetiredVersion
from servery.domain.retrainings import Retrained
from servery.errors import ConflictError


class MemoryKeeping:
    """Keeps the promises of the ports `Evaluations`, `Retirements` and `Retrainings`."""

    def __init__(self) -> None:
        self._evaluations: dict[tuple[str, str], bytes] = {}
        self._retired: dict[tuple[str, str], bytes] = {}
        self._retrained: dict[tuple[str, str], bytes] = {}
        self._claims: dict[str, tuple[str, float]] = {}

    def evaluations(self, model: str) -> list[Evaluation]:
        found = sorted(self._evaluations.items())
        return [msgspec.json.decode(d, type=Evaluation) for (m, _), d in found if m == model]

    def evaluation(self, model: str, version: str) -> Evaluation | None:
        found = self._evaluations.get((model, version))
        return None if found is None else msgspec.json.decode(found, type=Evaluation)

    def put_evaluation(self, evaluation: Evaluation) -> None:
        there = self.evaluation(evaluation.model, evaluation.version)
        if there is None or there.at <= evaluation.at:
            key = (evaluation.model, evaluation.version)
            self._evaluations[key] = msgspec.json.encode(evaluation)

    def retirements(self, model: str) -> list[RetiredVersion]:
        found = sorted(self._retired.items())
        return [msgspec.json.decode(d, type=RetiredVersion) for (m, _), d in found if m == model]

    def retirement(self, model: str, version: str) -> RetiredVersion | None:
        found = self._retired.get((model, version))
        return None if found is None else msgspec.json.decode(found, type=RetiredVersion)

    def put_retirement(self, record: RetiredVersion) -> None:
        there = self.retirement(record.model, record.version)
        if record.revision != (1 if there is None else there.revision + 1):
            raise ConflictError(f"the retirement of {record.version} has gone on meanwhile")
        self._retired[record.model, record.version] = msgspec.json.encode(record)

    def retrainings(self, model: str, limit: int = 20) -> list[Retrained]:
        found = sorted(self._retrained.items(), reverse=True)
        all_of = [msgspec.json.decode(d, type=Retrained) for (m, _), d in found if m == model]
        return all_of[:limit]

    def put_retraining(self, record: Retrained) -> None:
        self._retrained[record.model, record.alarm] = msgspec.json.encode(record)

    def claim_retraining(self, model: str, alarm: str, *, now: float, hours: float) -> None:
        holder, since = self._claims.get(model, ("", float("-inf")))
        if holder != alarm and since > now - hours * 3600:
            raise ConflictError(f"an alarm has started a training of {model} lately")
        if holder != alarm or since <= now - hours * 3600:
            self._claims[model] = (alarm, now)

    def return_retraining(self, model: str, alarm: str) -> None:
        if self._claims.get(model, ("", 0.0))[0] == alarm:
            del self._claims[model]


@dataclass
class ToldRetirements:
    """Hears of retirements."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def retired(self, record: RetiredVersion) -> None:
        self.told.append((record.version, record.stage.value))
