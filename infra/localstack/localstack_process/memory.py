"""The highest resident memory of a process and of those it started, from Linux's /proc.

What `wait4` reports is of no use here: the figure of a child begins with that of the process
that started it, and LocalStack is larger than most functions.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def peak_mb(pid: int, proc: Path = PROC) -> int | None:
    """Sum of the peaks of `pid` and its descendants in MB, or None if it is not known.

    A process that has ended is not known any more: ask while it lives.
    """
    own = _peak_kb(proc / str(pid) / "status")
    if own is None:
        return None
    total = own + sum(_peak_kb(proc / str(child) / "status") or 0 for child in _below(pid, proc))
    return -(-total // 1024)


def _peak_kb(status: Path) -> int | None:
    with suppress(OSError, ValueError):
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return None


def _below(pid: int, proc: Path) -> list[int]:
    found: list[int] = []
    for children in (proc / str(pid) / "task").glob("*/children"):
        with suppress(OSError, ValueError):
            for child in map(int, children.read_text().split()):
                found += [child, *_below(child, proc)]
    return found
