"""`servery experiment`: what an online test comes to, with how sure that is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import charts
from devkit.comparisons import amount, share
from devkit.errors import UsageError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servery.usecases.monitoring.experiment_report import Question
    from servery.usecases.monitoring.experiment_views import (
        Difference,
        ExperimentReport,
        VariantReport,
    )

    from devkit.api import Api
    from devkit.lake import Lake
    from devkit.screen import Screen

_REVISIONS = 500
_SETTLE_SECONDS = 5
_TITLES = {
    "accuracy": "accuracy",
    "rmse": "root mean squared error",
    "error_rate": "share of 5xx",
    "latency_ms": "mean latency, ms",
}


def question(api: Api, model: str, name: str | None) -> Question:
    """How an experiment was set up, by the deployment and its history.

    Args:
        api: Of the stack.
        model: Whose.
        name: Of the experiment; None for the one that runs.

    Raises:
        UsageError: none runs, and none is named.
    """
    from servery.usecases.monitoring.experiment_report import Question  # noqa: PLC0415

    path = f"/models/{quote(model, safe='')}/deployment"
    history = api.listed(path, "history", _REVISIONS)
    running = _experiment(history[0])
    if name is None and running is None:
        raise UsageError(f"{model} has no experiment now.", "Name one that there was: --name NAME")
    wanted = name or str((running or {})["name"])
    # Some of the log may be of a time with a smaller sample than now.
    sample = min(
        (_sample(revision) for revision in history if _runs(revision, wanted)), default=1.0
    )
    if running is None or running["name"] != wanted:
        return Question(model=model, experiment=wanted, sample=sample)
    weights = {variant["name"]: float(variant["weight"]) for variant in running["variants"]}
    return Question(
        model=model,
        experiment=wanted,
        weights=weights,
        sample=sample,
        since=_since(history, running),
    )


def report(lake: Lake, asked: Question, days: Sequence[str]) -> ExperimentReport:
    """What the lake has on an experiment."""
    from servery.domain.lake import LABELS, PREDICTIONS, UNKNOWN  # noqa: PLC0415 - only where needed
    from servery.usecases.monitoring.experiment_report import experiment_report  # noqa: PLC0415
    from servery.usecases.monitoring.exposures import Exposure, read_labels  # noqa: PLC0415
    from servery.usecases.monitoring.labelling import LabelLine  # noqa: PLC0415

    told = (
        line
        for model in (asked.model, UNKNOWN)
        for line in lake.read(LABELS, model, days, LabelLine)
    )
    labels = read_labels(told)
    return experiment_report(asked, lake.read(PREDICTIONS, asked.model, days, Exposure), labels)


def show(screen: Screen, found: ExperimentReport) -> None:
    """The whole report."""
    screen.say(f"Experiment {found.experiment} of {found.model}", style="bold")
    if found.since:
        screen.say(f"Weights as they are since {found.since[:19].replace('T', ' ')}")
    screen.say()
    for variant in found.variants:
        screen.say(f"{variant.name:<12} {', '.join(variant.versions) or 'nobody yet'}")
    screen.say()
    screen.show(_variants(found))
    _show_quality(screen, found)
    for measure in dict.fromkeys(each.measure for each in found.differences):
        _show_differences(
            screen, measure, [each for each in found.differences if each.measure == measure]
        )
    if found.shares is not None:
        _show_shares(screen, found)
    if not found.measure:
        screen.say(
            "No labels: POST /labels says what was true, by the ids of requests.", style="dim"
        )
    if found.moved:
        screen.say(f"{found.moved:,} keys have seen more than one variant.", style="yellow")
    if found.twice:
        screen.say(
            f"{found.twice:,} labelled requests share their id with others, and are left out.",
            style="yellow",
        )


def _variants(found: ExperimentReport) -> Any:  # noqa: ANN401 - rich's table
    columns = ["variant", "weight", "requests", "keys", "p50", "p99", "5xx", "labels"]
    return table(columns, [_row(variant) for variant in found.variants])


def _row(variant: VariantReport) -> list[str]:
    latency = variant.latency_ms
    return [
        variant.name,
        "" if variant.weight is None else f"{variant.weight:.0%}",
        f"{variant.exposures:,}",
        f"{variant.keys:,}",
        "" if latency is None else f"{latency.p50:.0f} ms",
        "" if latency is None else f"{latency.p99:.0f} ms",
        "" if variant.error_rate is None else f"{variant.error_rate.value:.1%}",
        f"{variant.labelled:,}",
    ]


def _show_quality(screen: Screen, found: ExperimentReport) -> None:
    """The quality of each variant, on one scale."""
    known = [(v.name, v.quality) for v in found.variants if v.quality is not None]
    if not known:
        return
    ends = [end for _, q in known for end in (q.value, q.low, q.high) if end is not None]
    scale, width = charts.scale_of(ends), max(len(name) for name, _ in known)
    screen.say()
    screen.say(_TITLES[found.measure])
    for name, quality in known:
        low, high = (quality.value if e is None else e for e in (quality.low, quality.high))
        told = share(quality) if found.measure == "accuracy" else amount(quality)
        drawn = scale.interval(quality.value, low, high)
        screen.say(f"{name:<{width}}  {drawn:<{scale.width}}  {told}")


def _show_differences(screen: Screen, measure: str, found: Sequence[Difference]) -> None:
    """Intervals on one scale, with a line where there is no difference."""
    against = found[0].against
    screen.say()
    screen.say(f"{_TITLES.get(measure, measure)}, difference from {against} ({found[0].method})")
    scale = charts.scale_of([0.0, *(v for each in found for v in (each.low, each.high))])
    width = max(len(each.variant) for each in found)
    for each in found:
        drawn = scale.interval(each.value, each.low, each.high, mark=0.0)
        told = f"{each.value:+.4g} ({each.low:+.4g} to {each.high:+.4g})"
        style = "bold" if each.clear else ""
        screen.say(f"{each.variant:<{width}}  {drawn:<{scale.width}}  {told}", style=style)


def _show_shares(screen: Screen, found: ExperimentReport) -> None:
    shares = found.shares
    if shares is None:
        return
    screen.say()
    total = sum(shares.keys.values())
    weights = {variant.name: variant.weight or 0.0 for variant in found.variants}
    for name, count in shares.keys.items():
        seen = count / total if total else 0.0
        screen.say(
            f"{name:<12} {charts.bar(seen, 20):<20} "
            f"{seen:.1%} of the keys, {weights[name]:.1%} wanted"
        )
    if shares.suspicious:
        screen.say(
            f"The shares are not those of the weights (p = {shares.probability:.2g}): something is "
            "wrong with the assignment or the log, and no figure here is to be trusted.",
            style="bold red",
        )
    else:
        screen.say(f"The shares are those of the weights (p = {shares.probability:.2g}).")


def _experiment(revision: Mapping[str, Any]) -> dict[str, Any] | None:
    policies = revision.get("policies") or {}
    found: dict[str, Any] | None = (policies.get("routing") or {}).get("experiment")
    return found


def _runs(revision: Mapping[str, Any], name: str) -> bool:
    return (_experiment(revision) or {}).get("name") == name


def _sample(revision: Mapping[str, Any]) -> float:
    own = (revision.get("policies") or {}).get("log_sample")
    return float(revision.get("log_sample", 1.0) if own is None else own)


def _since(history: Sequence[Mapping[str, Any]], running: Mapping[str, Any]) -> str:
    """From when on keys are assigned as they are now; empty where they always were.

    A change is in force everywhere a few seconds after it was made.
    """
    changed = ""
    for revision in history:
        found = _experiment(revision)
        if found is None or found["name"] != running["name"]:
            return ""
        if found["segments"] != running["segments"]:
            break
        changed = str(revision.get("changed") or "")
    else:
        return ""
    if not changed:
        return ""
    settled = datetime.fromisoformat(changed) + timedelta(seconds=_SETTLE_SECONDS)
    return settled.isoformat(timespec="milliseconds")
