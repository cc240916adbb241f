"""Finds a Python of the machine for each runtime that a function may name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_RUNTIME = re.compile(r"python(3\.\d+)")
_ASK = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"


class UnsupportedRuntimeError(Exception):
    """The function's runtime is not one of Python's."""


class InterpreterNotFoundError(Exception):
    """The machine has no Python of the version that the runtime names."""


@dataclass(frozen=True)
class Interpreter:
    """A Python, and whether a function sees the packages installed in it.

    On AWS a function has what it brought, its layers and the runtime. An interpreter that was
    found is therefore run without its own packages; one that the settings name keeps them.
    """

    executable: Path
    own_packages: bool = False

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs it with `arguments`."""
        isolation = [] if self.own_packages else ["-S"]
        return [str(self.executable), *isolation, *arguments]


class Interpreters:
    """Answers which interpreter runs a runtime, and remembers it."""

    def __init__(
        self,
        named: Mapping[str, Path],
        candidates: Callable[[str], Iterable[Path]] | None = None,
    ) -> None:
        """Take the interpreters of the settings, and where else to look for a version."""
        self._named = named
        self._candidates = candidates or places
        self._found: dict[str, Interpreter] = {}
        self._lock = threading.Lock()

    def for_runtime(self, runtime: str | None) -> Interpreter:
        """The interpreter for a runtime such as `python3.12`.

        Raises:
            UnsupportedRuntimeError: it is not a runtime of Python.
            InterpreterNotFoundError: there is no such Python, or the one that was named is of
                another version.
        """
        match = _RUNTIME.fullmatch(runtime or "")
        if not runtime or not match:
            raise UnsupportedRuntimeError(
                f"The process executor runs Python's runtimes only, not {runtime or 'an image'}."
            )
        with self._lock:
            if runtime not in self._found:
                self._found[runtime] = self._find(runtime, match[1])
            return self._found[runtime]

    def _find(self, runtime: str, version: str) -> Interpreter:
        setting = f"LAMBDA_PROCESS_PYTHON_{version.replace('.', '_')}"
        if named := self._named.get(runtime):
            if executable_of(named, version) is None:
                raise InterpreterNotFoundError(f"{setting} names {named}, not a Python {version}.")
            return Interpreter(named, own_packages=True)
        for candidate in self._candidates(version):
            if executable := executable_of(candidate, version):
                return Interpreter(executable)
        raise InterpreterNotFoundError(
            f"No Python {version} was found for {runtime}; install one or set {setting}."
        )


def executable_of(candidate: Path, version: str) -> Path | None:
    """The interpreter behind `candidate`, which may be a shim, if it is of that version."""
    try:
        answer = subprocess.run(
            [str(candidate), "-S", "-E", "-c", _ASK],
            capture_output=True, text=True, timeout=10, check=True, cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    found, _, executable = answer.stdout.strip().partition("\n")
    return Path(executable) if found == version and executable else None


def places(version: str) -> Iterable[Path]:
    """Where a Python of a version such as `3.12` may be: the best place first."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(sys.base_prefix) / "bin" / f"python{version}"
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    for folder, pattern in ((pyenv, f"{version}.*"), (uv, f"cpython-{version}.*")):
        yield from sorted(folder.glob(f"{pattern}/bin/python{version}"), reverse=True)
    for programs in ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"):
        yield Path(programs) / f"python{version}"
