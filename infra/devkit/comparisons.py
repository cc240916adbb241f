"""`servery compare`: what a shadow would have answered, beside what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit import charts
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.usecases.monitoring.comparison_report import ComparisonReport
    from servery.usecases.monitoring.figures import Estimate, Quantiles

    from devkit.lake import Lake
    from devkit.screen import Screen

_MOST_CLASSES = 20


def reports(lake: Lake, model: str, days: Sequence[str]) -> list[ComparisonReport]:
    """What the comparisons of some days come to, the newest pair of versions first."""
    from servery.domain.comparisons import PREFIX, Comparison  # noqa: PLC0415 - only where needed
    from servery.usecases.monitoring.comparison_report import comparison_reports  # noqa: PLC0415

    return comparison_reports(lake.read(PREFIX, model, days, Comparison))


def show(screen: Screen, report: ComparisonReport) -> None:
    """One pair of versions."""
    screen.say(f"{report.version} answered, {report.shadow} was asked too", style="bold")
    screen.say(f"{report.since[:19]} to {report.until[:19]}, {report.requests:,} requests")
    for reason, count in report.failed.items():
        screen.say(f"{count:,} without a comparison: {reason}", style="yellow")
    if report.agreement is not None and report.differences is None:
        screen.say()
        screen.say(f"Agreement   {share(report.agreement)} of {report.rows:,} rows")
        _show_classes(screen, report)
    if report.differences is not None:
        _show_differences(screen, report)
    screen.say()
    screen.show(
        table(
            ["latency", "requests", "p50", "p90", "p99"],
            [
                _latency("answered", report.latency_ms),
                _latency("shadow", report.shadow_latency_ms),
            ],
        )
    )


def share(estimate: Estimate) -> str:
    """A share with its interval, for people."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1%}"
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def amount(estimate: Estimate) -> str:
    """A number with its interval, for people."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.4g}"
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"


def _show_classes(screen: Screen, report: ComparisonReport) -> None:
    rows = [
        [
            str(each.answered),
            f"{each.rows:,}",
            charts.bar(each.agreed / each.rows, 20),
            f"{each.agreed / each.rows:.1%}",
            ", ".join(f"{name} {count:,}" for name, count in list(each.shadow.items())[:3]),
        ]
        for each in report.classes[:_MOST_CLASSES]
    ]
    if rows:
        screen.say()
        screen.show(table(["answered", "rows", "agreed", "", "instead"], rows))


def _show_differences(screen: Screen, report: ComparisonReport) -> None:
    found = report.differences
    if found is None:
        return
    absolute = found.absolute
    screen.say()
    screen.say(f"Differences of {absolute.count:,} rows, shadow minus answered")
    screen.say(f"mean        {found.bias:+.6g}")
    figures = {"p50": absolute.p50, "p90": absolute.p90, "p99": absolute.p99, "most": absolute.most}
    for name, value in figures.items():
        length = charts.bar(value / absolute.most if absolute.most else 0.0)
        screen.say(f"{name:<5} {value:>10.6g}  {length}")


def _latency(name: str, spread: Quantiles | None) -> list[str]:
    if spread is None:
        return [name, "0", "", "", ""]
    return [
        name,
        f"{spread.count:,}",
        *(f"{v:.1f} ms" for v in (spread.p50, spread.p90, spread.p99)),
    ]


def plain(found: Any) -> Any:  # noqa: ANN401 - JSON
    """Reports as plain values, for machines."""
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(found)
