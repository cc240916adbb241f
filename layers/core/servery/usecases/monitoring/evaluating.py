"""Evaluates every served version by the labels that came since its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.comparisons import PREFIX as COMPARISONS
from servery.domain.comparisons import Comparison
from servery.domain.evaluations import Evaluation
from servery.domain.keeping_rules import Retirement
from servery.domain.lake import LABELS, PREDICTIONS, UNKNOWN, readable
from servery.domain.log_lines import LogLine
from servery.domain.release_order import current
from servery.domain.signature import Task
from servery.usecases.monitoring.exposures import read_labels
from servery.usecases.monitoring.judged_rows import Judged, JudgedRows
from servery.usecases.monitoring.labelling import LabelLine
from servery.usecases.monitoring.scoring import Scoring, beside, scored

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.ports import Clock, Evaluations, LakeTables, Registry

DAYS = 14
"""Of the lake that are read, today included."""
MOST_LABELS = 200_000
"""Labels that are held at a time: first those that name the model, of each the newest days'."""


@dataclass(frozen=True, slots=True)
class EvaluationPorts:
    """What evaluating works with.

    Attributes:
        registry: Who is served.
        lake: Predictions, labels and comparisons.
        kept: Where evaluations are kept.
        clock: The time.
    """

    registry: Registry
    lake: LakeTables
    kept: Evaluations
    clock: Clock


class _Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec says about it; the rest of it is not looked at."""

    task: Task = Task.CLASSIFICATION
    metric: str = "accuracy"
    retire: Retirement = msgspec.field(default_factory=Retirement)


def evaluate(model: str, ports: EvaluationPorts) -> list[Evaluation]:
    """Evaluate the versions of a model that are served, and keep what they are worth.

    Each is compared with the champion over the time from which the version has labelled rows: on
    the same rows where a shadow was asked too, else each on its own. The same lake gives the same
    evaluation, so evaluating twice does no harm.

    Returns:
        One for each version that is served, the champion first; none where nothing is released,
        and none of a preprocessor, whose answers nobody labels.

    Raises:
        RetryableError: the lake or the registry cannot be read now.
    """
    deployment = current(model, ports.registry)
    if deployment is None:
        return []
    rules = msgspec.convert(ports.registry.model(model).spec, _Rules)
    if rules.task is Task.PREPROCESSING:
        return []
    now = ports.clock.now()
    days = [(now.date() - timedelta(days=back)).isoformat() for back in range(DAYS)]
    judged = _read(deployment, days, ports.lake, squared=rules.metric != "mae")
    scoring = Scoring(rules.task, rules.metric, rules.retire)
    kept = {e.version: e for e in ports.kept.evaluations(model)}
    found = [
        _evaluation(version, deployment, judged, scoring, last=kept.get(version), now=now)
        for version in _served(deployment)
    ]
    for evaluation in found:
        ports.kept.put_evaluation(evaluation)
    return found


def _served(deployment: Deployment) -> list[str]:
    return list(dict.fromkeys(served.ref.version for served in deployment.serving()))


def _read(deployment: Deployment, days: list[str], lake: LakeTables, *, squared: bool) -> Judged:
    """What the lake says of the versions that are served, line by line."""
    lines, cut = _labels(deployment.model, days, lake)
    rows = JudgedRows(
        _served(deployment), read_labels(lines), champion=_served(deployment)[0], squared=squared
    )
    for line in readable(lake.days(PREDICTIONS, deployment.model, days), LogLine):
        rows.answered(line)
    for compared in readable(lake.days(COMPARISONS, deployment.model, days), Comparison):
        rows.compared(compared)
    return rows.judged(cut=cut)


def _labels(model: str, days: list[str], lake: LakeTables) -> tuple[list[LabelLine], bool]:
    """Labels of the model, as many as are held; also those that name no model."""
    found: list[LabelLine] = []
    for name in (model, UNKNOWN):
        for line in readable(lake.days(LABELS, name, days), LabelLine):
            if len(found) == MOST_LABELS:
                return found, True
            found.append(line)
    return found, False


def _evaluation(
    version: str,
    deployment: Deployment,
    judged: Judged,
    scoring: Scoring,
    *,
    last: Evaluation | None,
    now: datetime,
) -> Evaluation:
    counted = judged.versions[version]
    figures = scored(counted.rows, scoring, judged.variance)
    against = None
    if version != deployment.champion.ref.version:
        against = beside(judged, version, deployment.champion.ref.version, scoring)
    times = [row.time for row in counted.rows]
    return Evaluation(
        model=deployment.model,
        version=version,
        at=now.isoformat(),
        metric=scoring.shown,
        days=DAYS,
        requests=counted.requests,
        rows=sum(row.count for row in counted.rows),
        score=figures.value if figures else None,
        low=figures.low if figures else None,
        high=figures.high if figures else None,
        since=min(times, default=""),
        until=max(times, default=""),
        asked=max(counted.asked, last.asked if last else ""),
        watched=_watched(last, now),
        sampled=deployment.log_sample < 1,
        against=against,
        cut=judged.cut,
    )


def _watched(last: Evaluation | None, now: datetime) -> str:
    """Since when no request can have been missed: a gap that is longer than what is read is one."""
    if last is None or last.sampled:
        return now.isoformat()
    begin = datetime.combine(now.date() - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
    return last.watched if datetime.fromisoformat(last.at) >= begin else begin.isoformat()
