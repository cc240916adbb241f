"""Processes that we started, told apart from others that got the same number later."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Identity:
    """A process for good: its number, and when it started (so that a number used again differs).

    Attributes:
        pid: Number of the process, which leads a group of the same number.
        born: Boot of the machine and start within it, or the date where there is no /proc.
    """

    pid: int
    born: str


def identify(pid: int) -> Identity | None:
    """The process that has this number now; None where there is none, or only its zombie."""
    stat = PROC / str(pid) / "stat"
    if PROC.joinpath("self").exists():
        try:
            # The name, second, may hold spaces and brackets; what follows the last one does not.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if fields[0] in "ZX":
            return None
        boot = PROC / "sys/kernel/random/boot_id"
        return Identity(pid, f"{boot.read_text().strip() if boot.exists() else ''}/{fields[19]}")
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return Identity(pid, shown) if shown else None


def alive(identity: Identity) -> bool:
    """Whether that very process still runs."""
    return identify(identity.pid) == identity


def stop_group(leader: Identity, *, patience: float = 8.0) -> bool:
    """End a process and the group that it leads; first kindly, after `patience` seconds not.

    Returns:
        False where that process no longer runs; nothing is sent to anybody then.
    """
    if not alive(leader):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        if _wait_until_gone(leader.pid, patience):
            break
    return True


def _wait_until_gone(group: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(group, os.WNOHANG)
        if not _members(group):
            return True
        time.sleep(0.05)
    return False


def _members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
