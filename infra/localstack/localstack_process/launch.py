"""The command, folder and environment variables of one function process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localstack_process import layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from localstack_process.interpreters import Interpreter

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Launch:
    """All that is needed to start the process, but for the address of its Runtime API."""

    command: Sequence[str]
    folder: Path
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Package:
    """A function's code on disk.

    Attributes:
        runtime: Such as `python3.13`.
        task: Unpacked code.
        layers: Unpacked layers, in the order of the configuration.
    """

    runtime: str
    task: Path
    layers: Sequence[Path] = ()


@dataclass(frozen=True)
class Folders:
    """Folders of the machine that a process is given.

    Attributes:
        runtime: In the place of /var/runtime.
        scratch: In the place of /tmp, of one environment alone.
    """

    runtime: Path
    scratch: Path


def launch(
    interpreter: Interpreter,
    package: Package,
    folders: Folders,
    variables: Mapping[str, object],
) -> Launch:
    """Say how a function's process is started.

    Args:
        interpreter: The Python that runs it.
        package: Its code.
        folders: What it is given of the machine.
        variables: Lambda's and the function's own variables, as LocalStack puts them together;
            `_HANDLER` is among them. Nothing of LocalStack's own environment is passed on.
    """
    given = {name: str(value) for name, value in variables.items() if value is not None}
    modules = [
        *layers.module_paths(package.layers, package.runtime),
        *filter(None, given.get("PYTHONPATH", "").split(os.pathsep)),
        folders.runtime,
    ]
    programs = [*layers.program_paths(package.layers), given.get("PATH") or SYSTEM_PATH]
    libraries = [
        *layers.library_paths(package.layers),
        *filter(None, [given.get("LD_LIBRARY_PATH")]),
    ]
    own = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{package.runtime}",
        "HOME": folders.scratch,  # whoever runs LocalStack has credentials in theirs
        "LAMBDA_RUNTIME_DIR": folders.runtime,
        "LAMBDA_TASK_ROOT": package.task,
        "LANG": given.get("LANG") or "en_US.UTF-8",
        "PATH": _joined(programs),
        "PYTHONPATH": _joined(modules),
        "TMPDIR": folders.scratch,
    }
    if libraries:
        own["LD_LIBRARY_PATH"] = _joined(libraries)
    command = interpreter.command("-m", "awslambdaric", given.get("_HANDLER", ""))
    environment = given | {name: str(value) for name, value in own.items()}
    return Launch(command, package.task, environment)


def _joined(paths: Sequence[object]) -> str:
    return os.pathsep.join(map(str, paths))
