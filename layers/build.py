# ruff: noqa: INP001 - a script, not a package
"""Builds the content of a layer: locked packages for the target, slimmed, with bytecode.

`sam build` calls it through the layer's Makefile. A layer is described by two files in its
folder: `requirements.txt` names its packages (the versions and hashes come from the lock), and
`slim.txt`, together with the one beside this script, lists what is left out. A third, `system.txt`,
names files of these packages that the system's linker has to find, and as what. Packages in the
folder itself, the library or somebody's own, go into the layer as they are.

Modules of others are shipped compiled, without their sources, which would be half of their weight.

The environment decides for what it builds, with the values of the template's parameters:
`ARCHITECTURE` (x86_64 or arm64), `LAMBDA_RUNTIME` (python3.13), and `SERVERY_LAYERS`: `target`
builds the real thing, `local` only the library, since on a local cloud third-party packages
resolve to those of the environment that runs it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LAYERS = Path(__file__).resolve().parent
LOCK = LAYERS.parent / "infra" / "locks" / "dev.lock"
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
LIBRARY = "servery"
BESIDE = "shipped_with.txt"
METADATA = "METADATA"  # what importlib.metadata reads a version from


class BuildError(Exception):
    """The layer cannot be built; the sentence says what to do."""


@dataclass(frozen=True)
class Target:
    """What a layer is built for.

    Attributes:
        architecture: `x86_64` or `arm64`, as Lambda calls them.
        python: Version of the runtime, `3.13`.
        local: Leave third-party packages to the environment that runs the local cloud.
    """

    architecture: str = "x86_64"
    python: str = "3.13"
    local: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Target:
        """The target that an environment asks for.

        Raises:
            BuildError: it asks for something that does not exist.
        """
        kind = environ.get("SERVERY_LAYERS") or "target"
        architecture = environ.get("ARCHITECTURE") or "x86_64"
        runtime = environ.get("LAMBDA_RUNTIME") or "python3.13"
        if kind not in ("target", "local"):
            raise BuildError(f"SERVERY_LAYERS is {kind!r}; it must be target or local.")
        if architecture not in PLATFORMS:
            raise BuildError(f"ARCHITECTURE is {architecture!r}; it must be x86_64 or arm64.")
        if not re.fullmatch(r"python3\.\d+", runtime):
            raise BuildError(f"LAMBDA_RUNTIME is {runtime!r}; it must look like python3.13.")
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        # A local cloud runs functions under the Python that it runs under itself.
        python = here if kind == "local" else runtime.removeprefix("python")
        return cls(architecture, python, kind == "local")


def entries(text: str) -> list[str]:
    """The lines of a requirements or slimming file, without comments."""
    return [line for raw in text.splitlines() if (line := raw.split("#")[0].strip())]


def packages(source: Path) -> list[str]:
    """The packages in a layer's folder itself: the library, or somebody's own."""
    return sorted(path.parent.name for path in source.glob("*/__init__.py"))


def pinned(lock: str, names: Iterable[str]) -> str:
    """The requirements of some packages with versions, markers and hashes, as the lock has them.

    A package that the lock has in several versions keeps them all: their markers decide.

    Raises:
        BuildError: the lock lacks one of them.
    """
    blocks = re.findall(r"^([\w.-]+)(==.*(?:\n[ \t]+.*)*)", lock, flags=re.MULTILINE)
    chosen = []
    for name in names:
        found = [package + rest for package, rest in blocks if package == name]
        if not found:
            raise BuildError(f"The lock has no {name}: add it to pyproject.toml, run `make lock`.")
        chosen += found
    return "\n".join(chosen) + "\n"


def locked(lock: str, name: str, python: str) -> str:
    """The version of a package that the lock has for a Python; empty where it has none."""
    for found in re.finditer(
        rf"^{re.escape(name)}==([\w.+]+)(?: ; (.*?))? *\\?$", lock, re.MULTILINE
    ):
        told = re.fullmatch(r"python_full_version (<|>=) '(\d+)\.(\d+)'", found[2] or "")
        here = tuple(int(part) for part in python.split(".")[:2])
        if told is None or (here < (int(told[2]), int(told[3]))) == (told[1] == "<"):
            return found[1]
    return ""


def write_libraries(folder: Path, target: Target) -> None:
    """Tell the library which versions the runtime layers have, since its functions have none."""
    packages = {"xgboost": "xgboost-cpu"}
    names = ("onnxruntime", "scikit-learn", "numpy", "lightgbm", "xgboost")
    lock = LOCK.read_text()
    versions = {name: locked(lock, packages.get(name, name), target.python) for name in names}
    told = {"python": target.python, **{name: told for name, told in versions.items() if told}}
    (folder / LIBRARY / "libraries.json").write_text(json.dumps(told))


def write_beside(source: Path, folder: Path, name: str) -> None:
    """Tell a package of somebody's own what it is shipped with, which is part of its digest.

    So a model is another one when a package that its classes may work with is.
    """
    required = entries((source / "requirements.txt").read_text())
    told = [pinned(LOCK.read_text(), required)] if required else []
    for other in packages(source):
        for path in sorted((source / other).rglob("*")) if other != name else ():
            if path.is_file() and path.suffix != ".pyc":
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                told.append(f"{path.relative_to(source).as_posix()} {digest}\n")
    if told:
        (folder / name / BESIDE).write_text("".join(told))


def install(requirements: str, folder: Path, target: Target) -> None:
    """Install wheels of the target's platform, exactly those and nothing they depend on.

    Raises:
        BuildError: a package cannot be had.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise BuildError("There is no uv: run `make setup`, or call this with .venv/bin/python.")
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text(requirements)
        command = [uv, "pip", "install", "--quiet", "--target", str(folder), "-r", str(listed)]
        command += ["--python", sys.executable, "--python-version", target.python]
        command += ["--python-platform", PLATFORMS[target.architecture], "--no-deps"]
        # Copies, since what follows changes the files, which must not reach uv's cache.
        command += ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
        # The operating system's certificates first: they include those of a company's proxy.
        for attempt in ([*command, "--system-certs"], command):
            if subprocess.run(attempt, check=False).returncode == 0:  # noqa: S603
                return
    raise BuildError("The packages of the layer could not be installed; the lines above say why.")


def slim(folder: Path, patterns: Iterable[str]) -> None:
    """Remove what matches one of the patterns, which are relative to the folder.

    Raises:
        BuildError: a pattern that names one place matches nothing: the package has changed, and
            the list no longer says what it seems to.
    """
    for pattern in patterns:
        found = list(folder.glob(pattern))
        if not found and not pattern.startswith("**"):
            raise BuildError(f"Nothing matches {pattern} in {folder}: correct slim.txt.")
        for path in found:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # inside a folder that is gone already
    for info in folder.glob("*.dist-info"):
        for path in info.iterdir():
            if path.name != METADATA:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def interpreter(python: str) -> str | None:
    """An interpreter of that version on this machine, or None."""
    candidates = [sys.executable, f"python{python}"]
    candidates += map(str, (Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python"))
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        found = shutil.which(candidate)
        if found is None:
            continue
        answer = subprocess.run(  # noqa: S603
            [found, "-I", "-c", question], capture_output=True, text=True, check=False
        )
        if answer.stdout.strip() == python:
            return found
    return None


def expose(folder: Path, destination: Path, lines: Iterable[str]) -> None:
    """Copy files to where Lambda's linker looks: `libgomp.so.1 = some.libs/libgomp-*`.

    Raises:
        BuildError: a pattern matches nothing.
    """
    destination.mkdir(parents=True, exist_ok=True)
    for line in lines:
        name, _, pattern = (part.strip() for part in line.partition("="))
        found = sorted(folder.glob(pattern))
        if not found:
            raise BuildError(f"Nothing matches {pattern} in {folder}: correct system.txt.")
        shutil.copyfile(found[0], destination / name)


def compile_bytecode(folder: Path, target: Target, path: Path, *, alone: bool) -> bool:
    """Compile modules, so that a read-only file system costs nothing at import.

    Unchecked: a file's time on the target differs from the one here, and nobody edits it there.

    Args:
        folder: What is on the path of modules.
        target: What they are compiled for.
        path: Folder of it that is compiled.
        alone: Leave nothing but what was compiled, or it beside the sources.

    Returns:
        False where this machine has no interpreter of the target's version; sources stay then.
    """
    python = interpreter(target.python)
    if python is None:
        return False
    command = [python, "-m", "compileall", "-q", "-f", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash", *(["-b"] if alone else [])]
    if not target.local:  # tracebacks then name the files where Lambda has them
        command += ["-s", str(folder), "-p", "/opt/python"]
    subprocess.run([*command, str(path)], check=True)  # noqa: S603
    for source in path.rglob("*.py") if alone else ():
        if source.with_suffix(".pyc").exists():
            source.unlink()
    return True


def build(layer: str, destination: Path, target: Target) -> Path:
    """Build one layer.

    Args:
        layer: Name of its folder.
        destination: Receives `python/`, as Lambda expects it in a layer.
        target: What to build for.

    Raises:
        BuildError: it cannot be built.
    """
    source = LAYERS / layer
    if not (source / "requirements.txt").exists():
        raise BuildError(f"There is no layer {layer}.")
    folder = destination / "python"
    folder.mkdir(parents=True, exist_ok=True)
    if target.local:
        note = "On a local cloud these packages are those of the environment that runs it.\n"
        (folder / f"layer_{layer}.txt").write_text(note)
    else:
        names = entries((source / "requirements.txt").read_text())
        if names:
            install(pinned(LOCK.read_text(), names), folder, target)
        rules = [LAYERS / "slim.txt", source / "slim.txt"]
        slim(folder, [p for rule in rules if rule.exists() for p in entries(rule.read_text())])
        system = source / "system.txt"
        if system.exists():
            expose(folder, destination / "lib", entries(system.read_text()))
    done = compile_bytecode(folder, target, folder, alone=True)
    for name in packages(source):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / name, folder / name, ignore=ignore, dirs_exist_ok=True)
        if name == LIBRARY and not target.local:
            write_libraries(folder, target)
        elif name != LIBRARY:
            write_beside(source, folder, name)
        done = compile_bytecode(folder, target, folder / name, alone=False) and done
    if not done:
        sys.stderr.write(
            f"No Python {target.python} here: the layer {layer} has no bytecode, "
            "and importing it takes two to three times as long.\n"
        )
    return folder


def main(arguments: list[str]) -> int:
    """Build the layer named first into the folder named second."""
    if len(arguments) != 2:  # noqa: PLR2004
        sys.stderr.write("Usage: build.py LAYER FOLDER\n")
        return 2
    try:
        build(arguments[0], Path(arguments[1]), Target.of(os.environ))
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
