"""P8: what each function weighs unzipped, with its layers, against Lambda's limit and its budget.

Beside that it stands against what it weighed at an earlier commit, by the budget of that commit.

    python -m benchmarks.unzipped_sizes [--against REV] [--json]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from architecture.budgets import FILE, budget, weights
from architecture.conftest import built_layer

from benchmarks.before import at_revision
from benchmarks.report import Report, show

LIMIT = 250_000_000
_MB = 1_000_000


def report(
    found: Mapping[str, int], allowed: Mapping[str, int], before: Mapping[str, int], revision: str
) -> Report:
    """The figures, the heaviest function first."""
    rows = [
        [
            name,
            f"{weight / _MB:.1f}",
            f"{weight / LIMIT:.0%}",
            _against(weight, allowed.get(name)),
            _against(weight, before.get(name)),
        ]
        for name, weight in sorted(found.items(), key=lambda pair: -pair[1])
    ]
    return Report(
        title="P8: functions unzipped with their layers",
        notes=["x86_64; the layers as they are shipped."],
        columns=["", "MB", "of Lambda's limit", "against its budget", f"against {revision}"],
        rows=rows,
        verdicts=[f"The heaviest has {max(found.values()) / _MB:.1f} MB of {LIMIT / _MB:.0f} MB."],
        figures={
            "bytes": dict(found),
            "budget": dict(allowed),
            "before": dict(before),
            "revision": revision,
        },
    )


def _against(weight: int, other: int | None) -> str:
    return f"{weight / other - 1:+.1%}" if other else "none"


def main() -> None:
    """Weigh and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", default="HEAD~1", help="revision whose budget is compared")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    before = at_revision(FILE, given.against).get("bytes", {})
    shown = report(weights(built_layer), budget(), before, given.against)
    show([shown], as_json=given.json)


if __name__ == "__main__":
    main()
