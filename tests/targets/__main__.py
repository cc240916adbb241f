"""`python -m targets page` writes the page, `snapshot` what LocalStack reads, `merge` a report."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

from targets.drift import SNAPSHOT, ignored, reasons, supports
from targets.page import PAGE, render
from targets.suite import merged, written_tests
from targets.used import used


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m targets", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("page", help="infra/docs/targets.md, from the reports beside it")
    commands.add_parser("ignored", help="what a target ignores and nobody has given a reason for")
    snapshot = commands.add_parser("snapshot", help="what LocalStack reads of a template")
    snapshot.add_argument("--python", type=Path, required=True, help="LocalStack's own Python")
    merge = commands.add_parser("merge", help="one report of runs that had parts of the suite")
    merge.add_argument("into", type=Path, help="infra/docs/targets/TARGET.json")
    merge.add_argument("runs", type=Path, nargs="+", help="reports, in the order of time")
    given = parser.parse_args()
    if given.command == "page":
        PAGE.write_text(render())
    elif given.command == "snapshot":
        SNAPSHOT.write_text(taken(given.python))
    elif given.command == "merge":
        runs = [json.loads(file.read_text()) for file in given.runs]
        given.into.write_text(json.dumps(merged(runs, written_tests()), indent=1) + "\n")
    else:
        print(unlisted() or "Nothing.")  # noqa: T201 - the command's answer


def taken(python: Path) -> str:
    """What LocalStack supports, read by the Python of its environment."""
    done = subprocess.run(
        [str(python), "-m", "targets.localstack"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def unlisted() -> str:
    """One line for each thing that has no reason yet, or is listed and no longer ignored."""
    features = used()
    lines = []
    for target, support in supports(features).items():
        found = {str(feature) for feature in ignored(features, support)}
        listed = set(reasons().get(target, ()))
        lines += [f"{target} + {name}" for name in sorted(found - listed)]
        lines += [f"{target} - {name}" for name in sorted(listed - found)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
