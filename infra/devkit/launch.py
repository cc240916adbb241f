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
    """Write the record that the first argument names, for the port in the second, and go on."""
    record, port = Path(sys.argv[1]), int(sys.argv[2])
    own = identify(os.getpid())
    if own is None:
        raise SystemExit("this process does not find itself")
    write_record(record, {"pid": own.pid, "born": own.born, "port": port})
    os.execv(sys.executable, [sys.executable, "-m", "devkit.ministack"])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
