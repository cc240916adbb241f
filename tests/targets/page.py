"""The page about the targets, made from the reports of real runs and from the drift guard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from capabilities import CAPABILITIES, TARGETS
from fakes.template import ROOT

from targets.drift import DATA, reasons
from targets.suite import plain, written_tests

PAGE = ROOT / "infra" / "docs" / "targets.md"
TITLES = {"ministack": "MiniStack", "localstack": "LocalStack", "aws": "AWS"}
FIGURES = {
    "up_seconds": "Start, build and deploy (s)",
    "memory_mb": "Highest memory of the cloud's process (MB)",
}

INTRODUCTION = """\
# Targets

Made by `make targets` from the reports of real runs; edit what it is made from.

The end-to-end suite is one, and runs unchanged on each target: `make test`,
`make test CLOUD=localstack`, and on a stack of yours on AWS. A test that needs what a target
cannot do names the capability, and is skipped there with the reason. Nothing of the product asks
which target it runs on.
"""

MISSING = """\
## What has not run there since it was written

`make test CLOUD=localstack` leaves the slow tier out, which runs on MiniStack. What of it is to run
elsewhere is named: `SERVERY_CLOUD=localstack .venv/bin/python -m pytest -m slow tests/e2e/FILE`.
"""

UNPROVEN = """\
## What stays unproven without an account

A run on AWS has not been recorded. What both local clouds leave out, or do in their own way, has
been seen by nobody yet: the table below says which parts of the template that concerns. Neither
says anything about AWS's latencies, its limits, or the order in which its services become
consistent.
"""

DRIFT = """\
## What the template uses and a target ignores

Found by reading the targets' own code: which keys their CloudFormation provisioners, API import
and state machine interpreter read. `make test` fails when the template begins to use something
that is not read and not listed here. A property that is read may still have less effect than on
AWS, which only a test can tell.
"""


def render() -> str:
    """The page, from the files in `infra/docs/targets`."""
    runs = {run["target"]: run for run in _runs()}
    parts = [
        INTRODUCTION,
        *_ran(runs),
        *_missing(runs),
        *_skipped(runs),
        *_capabilities(runs),
        UNPROVEN,
        DRIFT,
    ]
    parts += list(_ignored())
    return "\n".join(parts)


def _runs() -> Iterator[dict[str, Any]]:
    for target in TARGETS:
        file = DATA / f"{target}.json"
        if file.exists():
            yield json.loads(file.read_text())


def _ran(runs: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for target, run in runs.items():
        count = Counter(test["outcome"] for test in run["tests"].values())
        figures = [run["figures"].get(name, "") for name in FIGURES]
        version = run["figures"].get("version", "")
        title = f"{TITLES[target]} {version}".strip()
        ended = [count["passed"], count["failed"], count["skipped"]]
        rows.append([title, run["date"], run["python"], *ended, run["seconds"], *figures])
    yield "## What ran\n"
    heads = ["Target", "Date", "Python", "Passed", "Failed", "Skipped", "All of it (s)"]
    yield from _table([*heads, *FIGURES.values()], rows)
    versions = {f"{k} {v}" for run in runs.values() for k, v in run["versions"].items()}
    yield f"With {', '.join(sorted(versions))}.\n"


def _missing(runs: Mapping[str, Any]) -> Iterator[str]:
    suite = written_tests()
    rows = [
        [TITLES[target], f"`{name}`"]
        for target, run in runs.items()
        for name in sorted(suite - {plain(each) for each in run["tests"]})
    ]
    if rows:
        yield MISSING
        yield f"<details><summary>{len(rows)} tests</summary>\n"
        yield from _table(["Target", "Test"], rows)
        yield "</details>\n"


def _skipped(runs: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [TITLES[target], f"`{name.removeprefix('tests/e2e/')}`", test.get("reason", "")]
        for target, run in runs.items()
        for name, test in sorted(run["tests"].items())
        if test["outcome"] == "skipped"
    ]
    yield "## What was skipped\n"
    yield from _table(["Target", "Test", "Reason"], rows)


def _capabilities(runs: Mapping[str, Any]) -> Iterator[str]:
    needed: dict[str, set[str]] = {}
    for run in runs.values():
        for name, test in run["tests"].items():
            for capability in test["needs"]:
                needed.setdefault(capability, set()).add(name.split("[")[0].rsplit("::")[-1])
    rows = []
    for name, capability in CAPABILITIES.items():
        can = [capability.lacking.get(target, "yes") for target in TARGETS]
        tests = "<br>".join(f"`{test}`" for test in sorted(needed.get(name, ())))
        rows.append([f"`{name}`", capability.sentence, *can, tests or "none yet"])
    yield "## Capabilities\n"
    yield "What not every target can do, and the tests that need it.\n"
    yield from _table(["Capability", "What it is", *TITLES.values(), "Needed by"], rows)


def _ignored() -> Iterator[str]:
    rows = [
        [TITLES[target], f"`{name}`", reason]
        for target, entries in reasons().items()
        for name, reason in entries.items()
    ]
    yield from _table(["Target", "What", "Why that is no harm"], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    yield "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
    yield ""
