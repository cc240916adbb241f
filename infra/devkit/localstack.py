"""LocalStack's own environment, made by `infra/localstack/environment.sh` from its lock."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devkit.errors import DevkitError
from devkit.instances import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devkit.screen import Screen

FOLDER = ROOT / ".venv-localstack"
PROGRAM = FOLDER / "bin" / "localstack-process"
PYTHON = "3.13"
SYSTEM = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
_SCRIPT = ROOT / "infra" / "localstack" / "environment.sh"
_UV = ROOT / ".venv" / "bin" / "uv"
_IS_PYTHON = f"import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '{PYTHON}')"


def make_environment(screen: Screen) -> None:
    """Make the environment, or make it again after the lock changed; instant when it is right.

    Raises:
        DevkitError: there is no Python 3.13, or the packages cannot be installed.
    """
    if PROGRAM.exists() and _made(offline=True) is None:
        return
    with screen.phase("LocalStack's environment") as phase:
        failure = _made(offline=False)
        if failure is not None:
            raise DevkitError(
                "LocalStack's environment could not be made.",
                "Check the network, then run the same command again.",
                tuple(failure.splitlines()[-12:]),
            )
        phase.detail = f"{FOLDER.name}, from infra/locks/localstack.lock"


def interpreters(given: Mapping[str, str]) -> dict[str, str]:
    """Variables by which LocalStack finds the Pythons of this machine for its functions.

    Its home is a folder of the instance, where the caller's installations are not found.
    """
    home = Path(given.get("HOME", "/nonexistent"))
    own = Path(sys.base_prefix) / "bin"
    return {
        "PATH": os.pathsep.join([str(own), given.get("PATH", os.defpath)]),
        "PYENV_ROOT": given.get("PYENV_ROOT", str(home / ".pyenv")),
        "UV_PYTHON_INSTALL_DIR": given.get(
            "UV_PYTHON_INSTALL_DIR", str(home / ".local/share/uv/python")
        ),
    }


def find_python(given: Mapping[str, str]) -> Path:
    """The Python 3.13 that LocalStack will run on.

    Raises:
        DevkitError: this machine has none.
    """
    for candidate in _candidates(given):
        if _is_python(candidate):
            return candidate
    raise DevkitError(
        f"LocalStack 4.14 needs Python {PYTHON}, and none was found on this machine.",
        f"Install one: pyenv install {PYTHON}, or uv python install {PYTHON}; "
        "or stay with --cloud ministack.",
    )


def _candidates(given: Mapping[str, str]) -> Iterator[Path]:
    """Where a Python may be: this one, then those of pyenv, uv, the PATH and the system."""
    yield Path(sys.base_prefix) / "bin" / f"python{PYTHON}"
    where = interpreters(given)
    pyenv, uv = Path(where["PYENV_ROOT"]), Path(where["UV_PYTHON_INSTALL_DIR"])
    for folder, pattern in ((pyenv / "versions", f"{PYTHON}.*"), (uv, f"cpython-{PYTHON}.*")):
        yield from sorted(folder.glob(f"{pattern}/bin/python{PYTHON}"), reverse=True)
    for place in [*where["PATH"].split(os.pathsep), *SYSTEM]:
        yield Path(place) / f"python{PYTHON}"


def _is_python(candidate: Path) -> bool:
    try:
        return subprocess.run([candidate, "-c", _IS_PYTHON], check=False).returncode == 0
    except OSError:
        return False


def _made(*, offline: bool) -> str | None:
    """Run the script; None when the environment is right, else what went wrong."""
    variables = {**os.environ, "UV": str(_UV)}
    if offline:
        # Only a look: with nothing to do the script ends before it needs this program.
        variables["UV"] = "false"
        return None if _run(variables) is None else "not there"
    variables["PYTHON"] = str(find_python(os.environ))
    variables.setdefault("UV_HTTP_TIMEOUT", "180")
    (ROOT / ".servery").mkdir(exist_ok=True)
    with (ROOT / ".servery" / ".localstack-setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The operating system's certificates first: they include those of a company's proxy.
        if _run({**variables, "UV_SYSTEM_CERTS": "1"}) is None:
            return None
        return _run(variables)


def _run(variables: dict[str, str]) -> str | None:
    done = subprocess.run(
        ["sh", str(_SCRIPT), str(FOLDER)],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stdout or "it said nothing"
