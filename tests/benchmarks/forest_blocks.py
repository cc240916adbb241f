"""A large forest as it was converted and in blocks: calls of one row and of thousands.

python -m benchmarks.forest_blocks [--trained-on 20000] [--rounds 9] [--json]
"""

from __future__ import annotations

import argparse
import time
from itertools import cycle

import numpy as np

from benchmarks.forest import Forest, grow, loaded
from benchmarks.report import Report, show

MANY, ONES = 4096, 300


def measure(forest: Forest, rounds: int) -> Report:
    """Ask both graphs in turns; the medians of processor time."""
    graphs = {"as converted": loaded(forest.whole), "in blocks": loaded(forest.graph)}
    taken: dict[str, dict[int, list[float]]] = {name: {1: [], MANY: []} for name in graphs}
    starts = cycle(range(0, len(forest.rows) - MANY, 7))
    for _ in range(rounds):
        for name, model in graphs.items():
            for rows in [MANY, *[1] * ONES]:
                first = next(starts)
                asked = forest.rows[first : first + rows]
                began = time.process_time()
                model.runtime.predict(asked, None)
                taken[name][rows].append((time.process_time() - began) * 1e6)
    figures = {
        name: {str(rows): float(np.median(found)) / rows for rows, found in each.items()}
        for name, each in taken.items()
    }
    return Report(
        title="A large forest in blocks, one thread; processor time, medians",
        notes=[forest.say(), f"{rounds} rounds in turns of 1 call of {MANY} rows, {ONES} of one."],
        columns=["", "us for one row", f"us per row of {MANY:,}"],
        rows=[
            [name, *(f"{value:.1f}" for value in each.values())] for name, each in figures.items()
        ],
        verdicts=[],
        figures=figures,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trained-on", type=int, default=20_000, help="rows")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    show([measure(grow(given.trained_on), given.rounds)], as_json=given.json)


if __name__ == "__main__":
    main()
