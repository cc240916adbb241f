"""What comparisons come to: how often a shadow agrees, where it does not, and how long it takes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from servery.domain.comparisons import Comparison
from servery.domain.intervals import wilson
from servery.domain.predicted import Class
from servery.usecases.monitoring.figures import Estimate, Quantiles, estimate, spread


class ClassAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How often the shadow said the same where one class was answered."""

    answered: Class
    rows: int
    agreed: int
    share: Estimate | None
    shadow: dict[str, int]
    """What the shadow said instead, and how often."""


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """How far the numbers of the shadow are from those that were answered.

    Attributes:
        bias: The mean of shadow minus answered.
        absolute: How the absolute differences are spread.
    """

    bias: float
    absolute: Quantiles


class ComparisonReport(msgspec.Struct, frozen=True, kw_only=True):
    """One version and the shadow that was asked beside it.

    Attributes:
        model: Name of the model.
        version: Who answered.
        shadow: Who was asked too.
        since: When the first of the requests was answered.
        until: When the last one was.
        requests: Requests that the shadow was to be asked.
        failed: Of them those without a comparison, by the reason.
        rows: Rows that were compared.
        agreed: Of them those of which both said the same.
        agreement: The share of rows agreed on.
        classes: The same by the class that was answered, the most frequent first.
        differences: Of models that answer numbers.
        latency_ms: From the request to its answer, without those that a cache answered.
        shadow_latency_ms: From asking the shadow to what it said.
    """

    model: str
    version: str
    shadow: str
    since: str
    until: str
    requests: int
    failed: dict[str, int]
    rows: int
    agreed: int
    agreement: Estimate | None
    classes: list[ClassAgreement]
    differences: Differences | None
    latency_ms: Quantiles | None
    shadow_latency_ms: Quantiles | None


def comparison_reports(lines: Iterable[Comparison]) -> list[ComparisonReport]:
    """A report for each pair of versions, the one that was compared last first.

    Args:
        lines: Of one model, in any order; a copy that was compared twice counts once.
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    seen: set[str] = set()
    for line in lines:
        if line.id not in seen:
            seen.add(line.id)
            pair = (line.version, line.shadow)
            tallies.setdefault(pair, _Tally(line)).add(line)
    reports = [tally.report() for tally in tallies.values()]
    return sorted(reports, key=lambda report: report.until, reverse=True)


class _Tally:
    """What is known of a pair of versions so far."""

    def __init__(self, first: Comparison) -> None:
        self._first = first
        self._times = (first.time, first.time)
        self._requests = self._rows = self._agreed = 0
        self._failed: Counter[str] = Counter()
        self._pairs: Counter[tuple[Class, Class]] = Counter()
        self._differences = array("d")
        self._latencies = array("d")
        self._shadow_latencies = array("d")

    def add(self, line: Comparison) -> None:
        """Count one more."""
        self._times = (min(self._times[0], line.time), max(self._times[1], line.time))
        self._requests += 1
        if line.error:
            self._failed[line.error] += 1
            return
        self._rows += line.rows
        self._agreed += line.agreed
        self._pairs.update(line.classes or ())
        self._differences.extend(line.differences or ())
        self._shadow_latencies.append(line.shadow_latency_ms)
        if line.cache in {"off", "miss"}:
            self._latencies.append(line.latency_ms)

    def report(self) -> ComparisonReport:
        """All that it comes to."""
        return ComparisonReport(
            model=self._first.model,
            version=self._first.version,
            shadow=self._first.shadow,
            since=self._times[0],
            until=self._times[1],
            requests=self._requests,
            failed=dict(self._failed.most_common()),
            rows=self._rows,
            agreed=self._agreed,
            agreement=estimate(wilson(self._agreed, self._rows)),
            classes=_by_class(self._pairs),
            differences=self._spread(),
            latency_ms=spread(self._latencies),
            shadow_latency_ms=spread(self._shadow_latencies),
        )

    def _spread(self) -> Differences | None:
        absolute = spread(map(abs, self._differences))
        if absolute is None:
            return None
        return Differences(bias=sum(self._differences) / absolute.count, absolute=absolute)


def _by_class(pairs: Mapping[tuple[Class, Class], int]) -> list[ClassAgreement]:
    answered: dict[Class, Counter[Class]] = {}
    for (one, other), count in pairs.items():
        answered.setdefault(one, Counter())[other] += count
    found = []
    for one, others in answered.items():
        rows, agreed = sum(others.values()), others[one]
        instead = {_name(o): n for o, n in others.most_common() if o != one}
        found.append(
            ClassAgreement(
                answered=one,
                rows=rows,
                agreed=agreed,
                share=estimate(wilson(agreed, rows)),
                shadow=instead,
            )
        )
    return sorted(found, key=lambda each: (-each.rows, str(each.answered)))


def _name(value: Any) -> str:  # noqa: ANN401 - a class
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
