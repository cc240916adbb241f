"""What the lake says of a version and of the champion in a while: evidence, bounded in its cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servery.domain.comparisons import PREFIX as COMPARISONS
from servery.domain.comparisons import Comparison, shadow_said
from servery.domain.evidence import Evidence
from servery.domain.labels import Labels
from servery.domain.lake import PREDICTIONS
from servery.domain.log_lines import LogLine
from servery.domain.predicted import Predicted
from servery.domain.rollout import RolloutStage, in_canary
from servery.domain.sampling import in_sample
from servery.usecases.release.lake_window import Window, labels_of, lines_of

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.rollout import Rollout
    from servery.ports import LakeTables

_CALLER_ERROR, _TOO_MANY = 400, 429
_CANARY, _CHAMPION = "canary", "champion"
_THROTTLED = "ThrottledError"


class _Line(LogLine, frozen=True, kw_only=True):
    """What of a line of the prediction log a judgement goes by."""

    model: str = ""
    route: str = ""
    branch: str = ""
    experiment: str = ""
    cache: str = "off"
    latency_ms: float
    model_ms: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it had no answer: it refused, it failed, or something stood in for it.

        What is wrong with a request is wrong with as many of either side.
        """
        return self.status >= _CALLER_ERROR or bool(self.fallback)


@dataclass
class Sides:
    """Both sides of a judgement.

    Attributes:
        candidate: The version.
        champion: Who answers now.
    """

    candidate: Evidence = field(default_factory=Evidence)
    champion: Evidence = field(default_factory=Evidence)


def gather(
    deployment: Deployment, rollout: Rollout, lake: LakeTables, window: Window, copied: Window
) -> Sides:
    """Evidence on the version of a rollout, and on the champion in the same time.

    Args:
        deployment: As it was in that time.
        rollout: The version, and how far it is.
        lake: What was answered, copied and labelled.
        window: What time is looked at, and how long answers and labels may be read.
        copied: The same time, and until when copies may be read.

    Lines count that are of the champion's own traffic, shared out or copied: what a caller, a
    branch or an experiment sends to either is other traffic.
    """
    model = deployment.model
    gathering = _Gathering(deployment, rollout, labels_of(model, lake, window), window.most)
    gathering.answers(lines_of(PREDICTIONS, model, lake, window, _Line))
    if rollout.stage is RolloutStage.SHADOW:
        gathering.comparisons(lines_of(COMPARISONS, model, lake, copied, Comparison))
    return gathering.sides


class _Gathering:
    """Counts lines as they come."""

    def __init__(self, deployment: Deployment, rollout: Rollout, labels: Labels, most: int) -> None:
        self.sides = Sides()
        self._deployment = deployment
        self._rollout = rollout
        self._labels = labels
        self._most = most
        self._champion = deployment.champion.ref.version
        self._seen: set[tuple[str, str]] = set()
        self._answered: dict[str, Predicted] = {}  # numbers, for what a shadow adds

    def answers(self, lines: Iterable[_Line]) -> None:
        """Count requests that were answered, or were to be."""
        for line in lines:
            if (line.request_id, line.time) in self._seen:
                continue
            if not in_sample(line.request_id, self._deployment.log_sample):
                continue  # failures are logged outside the sample too
            side = self._side(line)
            if side is None or side.requests >= self._most:
                continue
            self._seen.add((line.request_id, line.time))
            self._count(side, line)

    def comparisons(self, lines: Iterable[Comparison]) -> None:
        """Count what a shadow said to copies."""
        side = self.sides.candidate
        for line in lines:
            if (line.id, "") in self._seen or side.requests >= self._most:
                continue
            if line.shadow != self._rollout.version or line.version != self._champion:
                continue
            if line.error == _THROTTLED:
                continue  # the platform's, not the version's
            self._seen.add((line.id, ""))
            self._compare(side, line)

    def _side(self, line: _Line) -> Evidence | None:
        """Whose request it was; None for one that says nothing of either."""
        if line.branch or line.experiment or line.status == _TOO_MANY:
            return None
        if line.route == _CANARY:
            fits = not line.own or line.model_version == self._rollout.version
            return self.sides.candidate if fits else None
        if line.route == _CHAMPION:
            fits = not line.own or line.model_version == self._champion
            return self.sides.champion if fits else None
        if not line.fallback:
            return None
        canary = self._rollout.stage is RolloutStage.CANARY
        own = canary and in_canary(line.request_id, self._rollout.share)
        return self.sides.candidate if own else self.sides.champion

    def _count(self, side: Evidence, line: _Line) -> None:
        side.requests += 1
        side.failed += line.failed
        if not line.own:
            return
        if line.cache in {"off", "miss"}:
            side.timed(line.latency_ms, line.model_ms)
        predicted = line.predicted()
        if predicted is None:
            return
        side.says(predicted)
        side.scored(predicted, self._labels.get(line.request_id, {}))
        if predicted.numbers is not None and self._rollout.stage is RolloutStage.SHADOW:
            self._answered[line.request_id] = predicted

    def _compare(self, side: Evidence, line: Comparison) -> None:
        side.requests += 1
        side.failed += bool(line.error)
        if line.error:
            return
        side.timed(line.shadow_latency_ms, line.shadow_model_ms)
        predicted = shadow_said(line, self._answered.get(line.request_id))
        if predicted is None:
            return
        side.says(predicted)
        side.scored(predicted, self._labels.get(line.request_id, {}))
        if predicted.classes is not None:
            side.compared += line.rows
            side.agreed += line.agreed
