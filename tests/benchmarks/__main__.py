"""`python -m benchmarks [name ...]`: each benchmark in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys

QUICK = (
    "chunk_speed",
    "jobs_chaos",
    "graph_jobs_chaos",
    "experiment_shares",
    "cache_latency",
    "warm_predict",
    "gateway_alone",
    "judging",
)
SLOW = (
    "chunk_memory",
    "cold_start",
    "cost_growth",
    "front_start",
    "detection",
    "file_speed",
    "hist_boosting",
    "many_rows",
    "model_fetch",
    "overload",
    "page",
    "pipeline_runs",
    "search_quality",
    "search_speed",
    "served_load",
    "session_options",
    "unzipped_sizes",
)


def main() -> int:
    """Run benchmarks by name; the quick ones where none is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join((*QUICK, *SLOW)))
    names = parser.parse_args().names or QUICK
    unknown = [name for name in names if name not in (*QUICK, *SLOW)]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    worst = 0
    for name in names:
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        worst = max(worst, abs(done.returncode))
    return worst


if __name__ == "__main__":
    sys.exit(main())
