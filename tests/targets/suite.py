"""The end-to-end suite, as its files have it, and the reports of runs of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.template import ROOT

from targets.report import merge_figures

SUITE = ROOT / "tests" / "e2e"


def written_tests(folder: Path = SUITE) -> set[str]:
    """Every test as `test_file.py::test_name`, or `test_file.py::TestClass::test_name`."""
    return {
        f"{file.name}::{name}"
        for file in folder.glob("test_*.py")
        for name in _named(ast.parse(file.read_text()))
    }


def _named(body: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in body.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{node.name}::{name}" for name in _named(node))


def plain(name: str) -> str:
    """The test of a report's entry: without its folder and its parameters."""
    return name.split("[", maxsplit=1)[0].rsplit("/", maxsplit=1)[-1]


def merged(runs: Sequence[Mapping[str, Any]], suite: set[str]) -> dict[str, Any]:
    """One report of several runs on a target, of which each had a part of the suite.

    Args:
        runs: In the order of time; what a later one says of a test holds, and what was not run
            there says nothing. Its other facts are those of the last one, the seconds are added.
        suite: A test that is no longer in it is left out.

    Raises:
        ValueError: they are of different targets.
    """
    targets = {run["target"] for run in runs}
    if len(targets) != 1:
        raise ValueError(f"these are runs on {', '.join(sorted(targets))}")
    tests: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for run in runs:
        ran = {n: t for n, t in run["tests"].items() if t["outcome"] != "not run"}
        tests.update({name: test for name, test in ran.items() if plain(name) in suite})
        merge_figures(figures, run["figures"])
    seconds = sum(run["seconds"] for run in runs)
    return {**runs[-1], "seconds": seconds, "figures": figures, "tests": tests}
