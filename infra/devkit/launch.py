"""Becomes the local cloud, after writing down which process that is.

The record is written by the process itself, before it turns into the cloud, so whoever started
it may die at any moment without leaving a cloud that nobody knows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from devkit.instances import write_record
from devkit.processes import identify


def main() -> None:
    """Write the record (arguments: its file, port, kind) and become the command that follows."""
    record, port, kind, *command = sys.argv[1:]
    own = identify(os.getpid())
    if own is None:
        raise SystemExit("this process does not find itself")
    told = {"pid": own.pid, "born": own.born, "port": int(port), "kind": kind}
    write_record(Path(record), told)
    os.execv(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
