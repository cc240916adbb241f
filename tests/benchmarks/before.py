"""What a file of budgets was at an earlier commit."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from fakes.template import ROOT


def at_revision(file: Path, revision: str) -> dict[str, Any]:
    """The document in a file as of a commit; empty where there was none."""
    git = shutil.which("git")
    if git is None:
        return {}
    told = subprocess.run(
        [git, "show", f"{revision}:{file.relative_to(ROOT).as_posix()}"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    document: dict[str, Any] = json.loads(told.stdout) if told.returncode == 0 else {}
    return document
