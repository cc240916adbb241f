"""Makes the project's environments out of their locks.

Runs before anything is installed: the standard library only, and Python 3.11 at the least.
Running it again is instant when nothing has changed, and repairs what an interruption left.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Environment:
    """One virtual environment: where it is, what goes into it.

    Attributes:
        folder: The environment itself.
        lock: Exact versions with hashes.
        project: Folder whose package is installed editable, or None.
    """

    folder: Path
    lock: Path
    project: Path | None

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Says for what the environment was made; absent while it is not complete."""
        return self.folder / ".servery-stamp"

    @property
    def unfinished(self) -> Path:
        """There while packages are being installed, and after an interruption."""
        return self.folder / ".servery-unfinished"

    def wanted(self) -> str:
        """What the stamp of an up-to-date environment says: lock, interpreter and place."""
        content = hashlib.sha256(self.lock.read_bytes())
        content.update((self.folder / "pyvenv.cfg").read_bytes())
        if self.project is not None:
            content.update((self.project / "pyproject.toml").read_bytes())
        return f"{content.hexdigest()} {self.folder}\n"

    def ready(self) -> bool:
        """Whether the environment is complete and made of the lock as it is now."""
        with contextlib.suppress(OSError):
            return self.stamp.read_text() == self.wanted() and self.python.exists()
        return False


class SetupError(Exception):
    """The environment cannot be made; the sentence says what to do."""


def environment(name: str) -> Environment:
    """The environment called `dev`, `checkov` or `servers`."""
    locks = ROOT / "infra" / "locks"
    if name in ("checkov", "servers"):
        return Environment(ROOT / f".venv-{name}", locks / f"{name}.lock", None)
    return Environment(ROOT / ".venv", locks / "dev.lock", ROOT)


def locked(lock: str, package: str) -> str:
    """The lines of one package in a lock, hashes included.

    Raises:
        SetupError: the lock does not have it.
    """
    lines: list[str] = []
    for line in lock.splitlines():
        if line.startswith(f"{package}=="):
            lines = [line]
        elif lines and not line.startswith(" "):
            break
        elif lines:
            lines.append(line)
    if not lines:
        raise SetupError(f"The lock has no {package}; run `make lock`.")
    return "\n".join(line for line in lines if not line.lstrip().startswith("#")) + "\n"


def missing_venv_advice(version: tuple[int, int], *, pip: bool) -> str:
    """What to install when the interpreter cannot make an environment by itself."""
    package = f"python{version[0]}.{version[1]}-venv"
    advice = (
        f"Python {version[0]}.{version[1]} lacks the modules venv and ensurepip.\n"
        f"  Debian, Ubuntu:  sudo apt-get install python3-venv   (or {package})\n"
    )
    if pip:
        advice += "  without root:    python3 -m pip install --user virtualenv\n"
    return advice + "Then run the same command again."


def _run(*command: str | Path, quiet: bool = False) -> bool:
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run([str(c) for c in command], stdout=sink, stderr=sink).returncode == 0  # noqa: PLW1510


def _works(*command: str | Path) -> bool:
    try:
        return _run(*command, quiet=True)
    except OSError:
        return False


def _make_venv(env: Environment) -> None:
    """Make the environment with pip in it, by whatever this interpreter can do."""
    if _works(env.python, "-m", "pip", "--version"):
        return
    shutil.rmtree(env.folder, ignore_errors=True)
    has_pip = _works(sys.executable, "-m", "pip", "--version")
    if _works(sys.executable, "-c", "import venv, ensurepip"):
        made = _run(sys.executable, "-m", "venv", env.folder)
    else:
        made = _works(sys.executable, "-m", "virtualenv", env.folder)
    if not made:
        shutil.rmtree(env.folder, ignore_errors=True)
        raise SetupError(missing_venv_advice(sys.version_info[:2], pip=has_pip))


def _uv(env: Environment) -> Path:
    """The locked uv, installed into the environment by pip."""
    uv = env.folder / "bin" / "uv"
    if _works(uv, "--version"):
        return uv
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "uv.lock"
        requirement.write_text(locked(env.lock.read_text(), "uv"))
        pip = (env.python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
        options = ("--force-reinstall", "--no-deps", "--require-hashes", "--only-binary", ":all:")
        if not _run(*pip, *options, "-r", requirement):
            raise SetupError("uv could not be installed; the lines above say why. Run it again.")
    return uv


def _install(env: Environment, uv: Path) -> None:
    """Install exactly what the lock says, with bytecode, and the project itself."""
    again = ["--reinstall"] if env.unfinished.exists() else []
    env.stamp.unlink(missing_ok=True)
    env.unfinished.touch()
    sync: list[str | Path] = [
        uv,
        "pip",
        "sync",
        "--quiet",
        "--python",
        env.python,
        "--require-hashes",
        "--no-build",
    ]
    sync += ["--compile-bytecode", *again, env.lock]
    # The operating system's certificates first: they include those of a company's proxy.
    if not (_run(*sync, "--system-certs") or _run(*sync)):
        raise SetupError("The packages could not be installed. Check the network, run it again.")
    if env.project is not None:
        editable: list[str | Path] = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            env.python,
            "--no-deps",
        ]
        if not _run(*editable, "--no-build-isolation", "--offline", "-e", env.project):
            raise SetupError("The project could not be installed; the lines above say why.")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other set-up of this checkout runs."""
    folder = ROOT / ".servery"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(env: Environment, uv: Path | None = None) -> None:
    """Make or repair an environment.

    Args:
        env: What to make.
        uv: The uv of another environment; without it, the environment gets its own.

    Raises:
        SetupError: it cannot be made; the sentence says what to do.
    """
    started = time.monotonic()
    sys.stderr.write(
        f"Setting up {env.folder.name} from {env.lock.name}: downloads packages, takes a minute "
        "or two once\n"
    )
    if uv is None:
        _make_venv(env)
        uv = _uv(env)
    elif not _works(env.python, "--version"):
        shutil.rmtree(env.folder, ignore_errors=True)
        _run(uv, "venv", "--quiet", "--python", sys.executable, env.folder)
    _install(env, uv)
    env.stamp.write_text(env.wanted())
    env.unfinished.unlink()
    sys.stderr.write(f"Set up {env.folder.name} in {time.monotonic() - started:.0f} s.\n")


def main() -> int:
    """Make the environment that the command line names (`dev` by default)."""
    name = sys.argv[1] if len(sys.argv) > 1 else "dev"
    env = environment(name)
    if env.ready():
        return 0
    os.environ.setdefault("UV_HTTP_TIMEOUT", "180")
    try:
        with _alone():
            if not env.ready():
                set_up(env, None if name == "dev" else environment("dev").folder / "bin" / "uv")
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; run the same command again to go on.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
