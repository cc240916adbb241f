"""P8: what each function weighs unzipped, with its layers, against Lambda's limit and its budget.

python -m benchmarks.unzipped_sizes [--json]
"""

from __future__ import annotations

import argparse

from architecture.budgets import budget, weights
from architecture.conftest import built_layer

from benchmarks.report import Report, show

LIMIT = 250_000_000
_MB = 1_000_000


def report(found: dict[str, int], allowed: dict[str, int]) -> Report:
    """The figures, the heaviest function first."""
    rows = []
    for name, weight in sorted(found.items(), key=lambda pair: -pair[1]):
        grown = f"{weight / allowed[name] - 1:+.1%}" if name in allowed else "none"
        rows.append([name, f"{weight / _MB:.1f}", f"{weight / LIMIT:.0%}", grown])
    return Report(
        title="P8: functions unzipped with their layers",
        notes=["x86_64; the layers as they are shipped."],
        columns=["", "MB", "of Lambda's limit", "against its budget"],
        rows=rows,
        verdicts=[f"The heaviest has {max(found.values()) / _MB:.1f} MB of {LIMIT / _MB:.0f} MB."],
        figures={"bytes": found, "budget": allowed},
    )


def main() -> None:
    """Weigh and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    show([report(weights(built_layer), budget())], as_json=parser.parse_args().json)


if __name__ == "__main__":
    main()
