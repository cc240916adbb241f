"""What an overload did, as a table, a chart and figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import Report

SERVICE = 0.05
PATIENCE = 3.0
UNLOADED = 0.1
LOADS = (1, 2, 5, 10)
BAR = 40
WANTED_GOODPUT, WANTED_SLOWER, WANTED_REFUSAL = 0.9, 2.0, SERVICE / 10
COLUMNS = [
    "offered",
    "limits",
    "goodput",
    "p50 ms",
    "p99 ms",
    "refused",
    "p50 ms ",
    "p99 ms ",
    "late",
    "writes",
    "reads",
    "processes",
    "most at once",
]


@dataclass(slots=True)
class Tally:
    """What came of the requests of one load; times in seconds.

    Attributes:
        seconds: How long it was offered.
        offered: Requests.
        accepted: How long each one took that was answered before its deadline.
        refused: How long each refusal took.
        late: How many were answered after the deadline.
        calls: Calls of DynamoDB, by operation.
        counted: What the limiters counted.
        processes: How many there were.
        most: The most requests that were with the server at once.
    """

    seconds: float
    offered: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    processes: int = 0
    most: int = 0

    def add(self, took: float, *, refused: bool = False) -> None:
        """One request."""
        if refused:
            self.refused.append(took)
        elif took <= PATIENCE:
            self.accepted.append(took)
        else:
            self.late += 1

    def figures(self, capacity: float) -> dict[str, Any]:
        """The same as shares and milliseconds."""
        return {
            "goodput": len(self.accepted) / self.seconds / capacity,
            "p50_ms": quantile(self.accepted, 0.5),
            "p99_ms": quantile(self.accepted, 0.99),
            "refused": len(self.refused) / self.offered,
            "refusal_p50_ms": quantile(self.refused, 0.5),
            "refusal_p99_ms": quantile(self.refused, 0.99),
            "late": self.late / self.offered,
            "writes_per_request": self.calls["UpdateItem"] / self.offered,
            "reads_per_request": self.calls["GetItem"] / self.offered,
            "processes": self.processes,
            "most_at_once": self.most,
            "counted": dict(self.counted),
        }


def quantile(values: list[float], share: float) -> float:
    """In milliseconds; nothing has taken no time."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def overload_report(tallies: dict[str, Tally], at_a_time: int, notes: list[str]) -> Report:
    """What was found, by load (`2`, or `2 without`)."""
    capacity = at_a_time / SERVICE
    figures = {name: tally.figures(capacity) for name, tally in tallies.items()}
    report = Report(
        title=f"Overload of a server that takes {at_a_time} at a time, 50 ms each "
        f"({capacity:g} requests a second)",
        notes=[*notes, f"deadline {PATIENCE:g} s; the second p50 and p99 are those of refusals"],
        columns=COLUMNS,
        rows=[_row(name, each) for name, each in figures.items()],
        figures={"loads": figures},
    )
    report.verdicts = [*_chart(figures), "", *_verdicts(figures)]
    return report


def _row(name: str, each: dict[str, Any]) -> list[str]:
    load, _, without = name.partition(" ")
    return [
        f"{load} x",
        "no" if without else "yes",
        f"{each['goodput']:.1%}",
        f"{each['p50_ms']:.1f}",
        f"{each['p99_ms']:.1f}",
        f"{each['refused']:.1%}",
        f"{each['refusal_p50_ms']:.2f}",
        f"{each['refusal_p99_ms']:.2f}",
        f"{each['late']:.1%}",
        f"{each['writes_per_request']:.2f}",
        f"{each['reads_per_request']:.2f}",
        str(each["processes"]),
        str(each["most_at_once"]),
    ]


def _chart(figures: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["goodput, of the capacity (#: with limits, -: without)"]
    for name, each in figures.items():
        load, _, without = name.partition(" ")
        bar = ("-" if without else "#") * round(min(1.0, each["goodput"]) * BAR)
        lines.append(f"{load:>4} x |{bar:<{BAR}}| {each['goodput']:.1%}")
    return lines


def _verdicts(figures: dict[str, dict[str, Any]]) -> list[str]:
    unloaded = figures[f"{UNLOADED:g}"]["p99_ms"]
    loaded = [figures[f"{load}"] for load in LOADS]
    lowest = min(each["goodput"] for each in loaded)
    slowest = max(each["p99_ms"] for each in loaded)
    refusal = max(each["refusal_p99_ms"] for each in loaded)
    return [
        f"lowest goodput {lowest:.1%} (wanted: {WANTED_GOODPUT:.0%})",
        f"highest p99 of accepted {slowest:.1f} ms (wanted: {WANTED_SLOWER:g} x unloaded)",
        f"unloaded p99 {unloaded:.1f} ms, so that is {slowest / unloaded:.2f} x",
        f"highest p99 of refusals {refusal:.2f} ms (wanted: {1000 * WANTED_REFUSAL:g} ms)",
    ]
