"""Cold starts: processes that are started anew for each measurement, up to their first answer."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from benchmarks.one_function import ONE_THREAD, ROOT, OneFunction, Spent, Subject, processor_seconds
from benchmarks.rounds import Timing, timing

RUNTIME = ("awslambdaric", "simplejson", "snapshot_restore_py")  # what Lambda itself brings


def first_answer(subject: Subject, event: bytes) -> Spent:
    """Start a function whose event waits already; what it took to its answer."""
    with OneFunction(subject) as function:
        answer, spent = function.first(event)
    told = json.loads(answer)
    assert told.get("status", told.get("statusCode")) == HTTPStatus.OK, told
    return spent


def first_line(program: Path, *arguments: str) -> Spent:
    """Start a program; what it took until it wrote a line. It then waits for its input to end."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(program), *arguments],
        env={"PATH": os.environ["PATH"], **ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "the program ended without a line"
        return Spent(processor_seconds(process.pid), time.perf_counter() - started)


def compile_ours() -> None:
    """Write the bytecode of the library and of the functions, as layers ship it."""
    for folder in (ROOT / "layers" / "core", ROOT / "functions", ROOT / "tests" / "benchmarks"):
        compileall.compile_dir(str(folder), quiet=2)


def without_bytecode(subject: Subject, folder: Path) -> Subject:
    """The same with packages whose bytecode was not shipped; Lambda's own keep theirs.

    Args:
        subject: What is run.
        folder: Receives the bytecode that is left, and can be given again.
    """
    if not folder.exists():
        _keep_runtime(folder)
    settings = {"PYTHONPYCACHEPREFIX": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return replace(subject, environment={**subject.environment, **settings})


def _keep_runtime(folder: Path) -> None:
    standard = Path(sysconfig.get_path("stdlib"))
    compiled = [p for p in standard.rglob("__pycache__/*.pyc") if "site-packages" not in p.parts]
    for packages in map(Path, site.getsitepackages()):
        for name in RUNTIME:
            compiled += (packages / name).rglob("__pycache__/*.pyc")
            compiled += packages.glob(f"__pycache__/{name}.*.pyc")
    for path in compiled:
        place = folder / path.parent.parent.relative_to("/")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place / path.name)


def ratios(slower: list[Spent], faster: list[Spent]) -> tuple[Timing, Timing]:
    """How many times as long by the clock, and by the processor, round by round."""
    pairs = list(zip(slower, faster, strict=True))
    by_clock = timing([one.clock / other.clock for one, other in pairs])
    return by_clock, timing([one.processor / other.processor for one, other in pairs])


def rows_of(taken: Mapping[str, list[Spent]]) -> list[list[str]]:
    """The rows of a table: the clock's and the processor's ms, each with its spread."""
    rows = []
    for name, spent in taken.items():
        cells = []
        for figures in ([each.clock for each in spent], [each.processor for each in spent]):
            found = timing(figures)
            cells.append(f"{found.median * 1e3:,.0f}")
            cells.append(f"{found.low * 1e3:,.0f}-{found.high * 1e3:,.0f}")
        rows.append([name, *cells])
    return rows


COLUMNS = ["", "ms (median)", "spread", "processor ms (median)", "spread"]
