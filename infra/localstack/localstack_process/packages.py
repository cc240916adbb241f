"""The folder that stands for AWS's /var/runtime: what a function finds without bringing it."""

from __future__ import annotations

import importlib.util
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNTIME_PACKAGES = (
    # awslambdaric and what it needs
    "awslambdaric",
    "simplejson",
    "snapshot_restore_py",
    # boto3 and what it needs, which AWS's runtimes have too
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "s3transfer",
    "six",
    "urllib3",
)
"""All are plain Python, or do without their compiled part, so every interpreter can have them."""


def link_runtime(folder: Path, packages: Iterable[str] = RUNTIME_PACKAGES) -> Path:
    """Fill `folder` with links to packages of this environment, and return it.

    Nothing else of LocalStack's environment becomes visible to a function, which would
    otherwise work here and fail on AWS.

    Raises:
        ModuleNotFoundError: one of the packages is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed beside LocalStack.", name=name)
        origin = Path(spec.origin)
        _link(origin.parent if spec.submodule_search_locations else origin, folder)
    with as_file(files("localstack_process.bundled") / "runtime_client.py") as client:
        _link(client, folder)
    return folder


def _link(target: Path, folder: Path) -> None:
    link = folder / target.name
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
