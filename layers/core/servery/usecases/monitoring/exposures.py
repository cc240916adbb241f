"""What is known of the variants of an experiment: who was exposed, and what came of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from servery.domain.intervals import Sums
from servery.domain.labels import Labels, read_labels
from servery.domain.log_lines import LogLine
from servery.domain.predicted import Predicted
from servery.domain.sampling import in_sample

__all__ = ["Exposure", "Found", "Labels", "Tally", "read_labels", "tally"]

MOST_GROUPS = 1000
"""Groups that are drawn again at the most; keys beyond share one with others, by chance."""

_SERVER_ERROR = 500


class Exposure(LogLine, frozen=True, kw_only=True):
    """A line of the prediction log, as far as an experiment goes by it."""

    day: str = ""
    model: str = ""
    experiment: str = ""
    variant: str = ""
    key: str = ""
    cache: str = "off"
    latency_ms: float


@dataclass
class Tally:
    """What came of one variant.

    Attributes:
        versions: Who answered.
        exposures: Requests.
        keys: Digests of their keys.
        recent: Those of requests since the weights were changed last.
        errors: Requests that were answered with a 5xx.
        fallbacks: Requests that something else answered.
        latencies: Milliseconds to each answer of the variant's own.
        scored: By key, the sum over its labelled rows (1 for a hit, or the squared error), and
            how many those are.
        numeric: Whether those are squared errors.
    """

    versions: set[str] = field(default_factory=set)
    exposures: int = 0
    keys: set[str] = field(default_factory=set)
    recent: set[str] = field(default_factory=set)
    errors: int = 0
    fallbacks: int = 0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    scored: dict[str, Sums] = field(default_factory=dict)
    numeric: bool = False

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return int(sum(count for _, count in self.scored.values()))

    @property
    def score(self) -> float:
        """The sum over all of them."""
        return sum(total for total, _ in self.scored.values())

    @property
    def alone(self) -> bool:
        """Whether no key has more than one labelled row, so that all are independent."""
        return all(count == 1 for _, count in self.scored.values())

    def groups(self) -> list[Sums]:
        """The labelled rows in groups that are independent of each other: by key."""
        if len(self.scored) <= MOST_GROUPS:
            return list(self.scored.values())
        groups: list[Sums] = [(0.0, 0.0)] * MOST_GROUPS
        for key, (total, count) in self.scored.items():
            digest = blake2b(key.encode(), digest_size=8, person=b"groups").digest()
            place = int.from_bytes(digest) % MOST_GROUPS
            groups[place] = (groups[place][0] + total, groups[place][1] + count)
        return groups


@dataclass
class Found:
    """What the lake says of an experiment.

    Attributes:
        tallies: By variant.
        moved: Keys that were exposed to more than one.
        twice: Requests with labels whose id somebody used again: whose label it is nobody knows.
    """

    tallies: dict[str, Tally]
    moved: int
    twice: int


def tally(
    lines: Iterable[Exposure], labels: Labels, *, experiment: str, sample: float, since: str
) -> Found:
    """Count what came of each variant.

    Failures are logged outside the sample too, which would make a variant that fails more look as
    if it had more requests: what is not in the sample counts for nothing.

    Args:
        lines: Of one model, in any order; one that the lake has twice counts once.
        labels: What was true.
        experiment: Name of the experiment.
        sample: Share of the requests that were logged.
        since: When the weights were changed last, ISO 8601.
    """
    tallies: dict[str, Tally] = {}
    seen: set[tuple[str, str]] = set()
    scores: dict[str, tuple[str, str, Predicted] | None] = {}
    for line in lines:
        if line.experiment != experiment or not line.variant:
            continue
        identity = (line.request_id, line.time)
        if identity in seen or not in_sample(line.request_id, sample):
            continue
        seen.add(identity)
        _count(tallies.setdefault(line.variant, Tally()), line, since)
        if line.request_id in labels:
            known = line.request_id in scores
            scores[line.request_id] = None if known else _predicted(line)
    twice = _score(tallies, scores, labels)
    return Found(tallies, _moved(tallies.values()), twice)


def _count(counted: Tally, line: Exposure, since: str) -> None:
    counted.exposures += 1
    counted.keys.add(line.key)
    if line.time >= since:
        counted.recent.add(line.key)
    counted.errors += line.status >= _SERVER_ERROR
    counted.fallbacks += bool(line.fallback)
    if line.own:
        counted.versions.add(line.model_version)
        counted.latencies.append(line.latency_ms)


def _predicted(line: Exposure) -> tuple[str, str, Predicted]:
    """Variant, key and predictions of a request with labels; none where it has no answer."""
    predicted = line.predicted() if line.own else None
    return line.variant, line.key, predicted or Predicted(classes=[])


def _score(
    tallies: Mapping[str, Tally],
    scores: Mapping[str, tuple[str, str, Predicted] | None],
    labels: Labels,
) -> int:
    """Score the labelled rows; how many requests were left out, their id being used again."""
    for request_id, scored in scores.items():
        if scored is None:
            continue
        variant, key, predicted = scored
        counted = tallies[variant]
        for row, label in labels[request_id].items():
            value = predicted.score(row, label)
            if value is not None:
                counted.numeric = predicted.numbers is not None
                total, count = counted.scored.get(key, (0.0, 0.0))
                counted.scored[key] = (total + value, count + 1)
    return sum(scored is None for scored in scores.values())


def _moved(tallies: Iterable[Tally]) -> int:
    once: set[str] = set()
    again: set[str] = set()
    for counted in tallies:
        again |= once & counted.keys
        once |= counted.keys
    return len(again)
