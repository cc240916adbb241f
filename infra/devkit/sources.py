"""What a deploy is made of, as one digest: the same digest needs no second deploy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PARTS = ("template.yaml", "functions", "layers", "state_machines", "infra/locks/dev.lock")
_PASSED_OVER = {"__pycache__", ".aws-sam", "deployed", ".DS_Store"}


def digest(root: Path, parameters: Mapping[str, str]) -> str:
    """SHA-256 over the names and contents of all sources and over the parameters.

    Compiled files and other leftovers do not count.
    """
    total = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        total.update(f"{name}={value}\0".encode())
    for path in _files(root):
        total.update(f"{path.relative_to(root)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for part in PARTS:
        start = root / part
        if start.is_file():
            yield start
            continue
        for path in sorted(start.rglob("*")):
            inner = path.relative_to(start).parts
            if path.is_file() and path.suffix != ".pyc" and not _PASSED_OVER & set(inner):
                yield path
