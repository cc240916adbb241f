"""The page of figures: benchmarks run one after the other, their tables put into the page.

Each result is kept as JSON beside the page, with its machine, versions and date; the page has a
place for each, `<!-- figures: NAME -->` to `<!-- end -->`, and everything else of it stays.

    python -m benchmarks.page [NAME ...]         runs them all, or those named, and draws the page
    python -m benchmarks.page --draw             draws it from what is kept
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakes.template import ROOT

PAGE = ROOT / "infra" / "docs" / "performance.md"
KEPT = ROOT / "infra" / "docs" / "performance"
RUNS: dict[str, tuple[str, ...]] = {
    "warm_predict": (),
    "gateway_alone": (),
    "served_load": (),
    "many_rows": (),
    "cold_start": (),
    "front_start": (),
    "file_speed": ("--rounds", "2"),
    "unzipped_sizes": (),
    "cost_growth": (),
}
"""The benchmarks of the page, with what they are told beyond their defaults."""
_PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def measured(name: str) -> dict[str, Any]:
    """Run a benchmark in a process of its own and read what it found.

    Raises:
        CalledProcessError: it failed; what it said is on standard error.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", *RUNS[name], "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def command(name: str) -> str:
    """What anybody runs to see the same."""
    told = " ".join(("", *RUNS[name]))
    return f"PYTHONPATH=tests .venv/bin/python -m benchmarks.{name}{told}"


def drawn(page: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the tables of these results in their places.

    Raises:
        ValueError: the page has no place for one of them.
    """
    places = {found[2] for found in _PLACE.finditer(page)}
    lost = sorted(set(results) - places)
    if lost:
        raise ValueError(f"the page has no place for {', '.join(lost)}")

    def put(found: re.Match[str]) -> str:
        result = results.get(found[2])
        return found[0] if result is None else f"{found[1]}\n{_block(found[2], result)}\n{found[3]}"

    return _PLACE.sub(put, page)


def _block(name: str, result: Mapping[str, Any]) -> str:
    here = result["machine"]
    load = here["load"][0]
    about = (
        f"`{command(name)}`; {result['date'][:10]}, {here['processor']}, "
        f"{here['processors']} processors, load {load:.1f}, "
        + ", ".join(f"{library} {number}" for library, number in result["versions"].items())
    )
    return "\n".join([*(_table(report) for report in result["reports"]), about, ""])


def _table(report: Mapping[str, Any]) -> str:
    table = report["table"]
    rest = "|".join(" ---: " for _ in table["columns"][1:])
    rows = [table["columns"], *table["rows"]]
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    verdicts = [f"- {verdict}" for verdict in table["verdicts"]]
    said = f"**{report['title']}.** {' '.join(report['notes'])}".rstrip()
    return "\n".join([said, "", head, f"| --- |{rest}|", *body, "", *verdicts, ""])


def _kept() -> dict[str, dict[str, Any]]:
    files = {name: KEPT / f"{name}.json" for name in RUNS}
    return {name: json.loads(file.read_bytes()) for name, file in files.items() if file.exists()}


def main() -> None:
    """Measure, keep and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RUNS))
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(RUNS))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    KEPT.mkdir(exist_ok=True)
    for name in [] if given.draw else given.names or RUNS:
        print(f"{name} ...", flush=True)  # noqa: T201
        result = json.dumps(measured(name), indent=1)
        Path(KEPT / f"{name}.json").write_text(f"{result}\n")
    PAGE.write_text(drawn(PAGE.read_text(), _kept()))


if __name__ == "__main__":
    main()
