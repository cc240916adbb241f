"""The labelled rows of versions: how far each answer was from the truth, request by request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from servery.domain.comparisons import Comparison, shadow_said
from servery.domain.intervals import Moments, moments
from servery.domain.log_lines import LogLine
from servery.domain.predicted import Class, Predicted
from servery.usecases.monitoring.exposures import Labels


@dataclass(frozen=True, slots=True)
class Row:
    """The labelled rows of one request.

    Attributes:
        time: When the request came.
        loss: The sum over them: 1 for a miss, or the squared or absolute error.
        count: How many they are.
    """

    time: str
    loss: float
    count: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The same rows, answered by two versions: the sum of their losses apart, and how many."""

    difference: float
    count: int


@dataclass
class OfVersion:
    """What is known of one version.

    Attributes:
        requests: That it was to answer.
        asked: When the last one came.
        rows: Its labelled rows, by request.
        pairs: Those that the champion answered too: the version's loss minus the champion's.
    """

    requests: int = 0
    asked: str = ""
    rows: list[Row] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the lake says.

    Attributes:
        versions: By version.
        labels: Of rows with a number as label: how they are spread; a model that always answers
            their mean has that for an error.
        cut: Whether not all labels were read.
    """

    versions: dict[str, OfVersion]
    labels: Moments
    cut: bool

    @property
    def variance(self) -> float:
        """Of the labels, over all of them; 0 where there are too few."""
        return self.labels.squares / self.labels.count if self.labels.count else 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a version answered to a request with labels."""

    version: str
    time: str
    predicted: Predicted


class JudgedRows:
    """Takes lines and joins them with labels; holds requests with labels only.

    A request whose id somebody used again counts for nobody: whose label it is nobody knows. A
    line that the lake has twice counts once.

    Args:
        versions: Who is looked at.
        labels: What was true.
        champion: Who the others are compared with.
        squared: Whether errors of numbers are squared.
    """

    def __init__(
        self, versions: Sequence[str], labels: Labels, *, champion: str, squared: bool
    ) -> None:
        self._versions = {version: OfVersion() for version in versions}
        self._labels = labels
        self._champion = champion
        self._squared = squared
        self._answers: dict[str, _Answer | None] = {}
        self._compared: dict[str, Comparison] = {}

    def answered(self, line: LogLine) -> None:
        """Take a line of the prediction log, in any order."""
        counted = self._versions.get(line.model_version)
        if counted is None:
            return
        counted.requests += 1
        counted.asked = max(counted.asked, line.time)
        if line.request_id not in self._labels or not line.own:
            return
        known = self._answers.get(line.request_id)
        if line.request_id in self._answers and (known is None or known.time != line.time):
            self._answers[line.request_id] = None
            return
        predicted = line.predicted()
        if predicted is not None:
            self._answers[line.request_id] = _Answer(line.model_version, line.time, predicted)

    def compared(self, line: Comparison) -> None:
        """Take a line of the comparisons, after those of the prediction log."""
        if line.error or line.request_id not in self._labels or line.cache != "off":
            return
        pair = {line.version, line.shadow}
        if self._champion in pair and pair <= self._versions.keys():
            self._compared[f"{line.request_id}\n{line.shadow}"] = line

    def judged(self, *, cut: bool) -> Judged:
        """What all of it comes to."""
        labels: list[float] = []
        for request_id, answer in self._answers.items():
            if answer is None:
                continue
            truth = self._labels[request_id]
            losses = [
                loss
                for row, label in truth.items()
                if (loss := self._loss(answer.predicted, row, label)) is not None
            ]
            labels += [float(v) for v in truth.values() if not isinstance(v, str)]
            if losses:
                row = Row(answer.time, sum(losses), len(losses))
                self._versions[answer.version].rows.append(row)
        for line in self._compared.values():
            self._pair(line)
        return Judged(self._versions, moments(labels), cut)

    def _pair(self, line: Comparison) -> None:
        answer = self._answers.get(line.request_id)
        if answer is None or answer.version != line.version:
            return
        shadow = shadow_said(line, answer.predicted)
        if shadow is None:
            return
        apart = [
            theirs - ours
            for row, label in self._labels[line.request_id].items()
            if (ours := self._loss(answer.predicted, row, label)) is not None
            and (theirs := self._loss(shadow, row, label)) is not None
        ]
        if not apart:
            return
        challenger = line.shadow if line.version == self._champion else line.version
        sign = 1 if challenger == line.shadow else -1
        self._versions[challenger].pairs.append(Pair(sign * sum(apart), len(apart)))

    def _loss(self, predicted: Predicted, row: int, label: Class) -> float | None:
        """How far one answer is from the truth; None where the two do not go together."""
        score = predicted.score(row, label)
        if score is None:
            return None
        if predicted.classes is not None:
            return 1 - score
        return score if self._squared else math.sqrt(score)
