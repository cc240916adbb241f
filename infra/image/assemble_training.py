# ruff: noqa: INP001 - a script, not a package
"""Assembles what the container image for large trainings is built from.

    python infra/image/assemble_training.py --into build/training
    docker build ... (as it says) && docker push REPOSITORY:TAG
    servery deploy -p TrainingImage=REPOSITORY:TAG -p TrainingSubnets=SUBNET,SUBNET
        -p TrainingSecurityGroups=GROUP

The packages are the layers of the train function, the optional one included, as `layers/build.py`
makes them, and the code is the folder of the function. `ARCHITECTURE` and `LAMBDA_RUNTIME` say
for what they are built, as for a deploy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("core", "sklearn", "own", "boosting")
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


def assemble(context: Path, layers: Sequence[str] = LAYERS) -> None:
    """Fill a folder with what `docker build` needs.

    Args:
        context: The folder; it is made, and must be empty.
        layers: Folders of the layers, the first one's files below those of the later ones.
    """
    context.mkdir(parents=True, exist_ok=True)
    image = ROOT / "infra" / "image"
    shutil.copy(image / "training.Dockerfile", context / "Dockerfile")
    shutil.copy(image / "run_training.py", context)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "functions" / "training", context / "function", ignore=skip)
    (context / "lib").mkdir()
    with TemporaryDirectory() as scratch:
        for layer in layers:
            built = Path(scratch) / layer
            build = [sys.executable, str(ROOT / "layers" / "build.py"), layer, str(built)]
            subprocess.run(build, check=True)  # noqa: S603
            shutil.copytree(built / "python", context / "packages", dirs_exist_ok=True)
            if (built / "lib").exists():  # what the system's linker has to find
                shutil.copytree(built / "lib", context / "lib", dirs_exist_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Assemble from the command line."""
    parser = argparse.ArgumentParser(description="Assembles the image for large trainings.")
    parser.add_argument("--into", required=True, type=Path, help="a folder that is not there yet")
    parser.add_argument("--layers", nargs="+", default=LAYERS, help="those of the train function")
    given = parser.parse_args(arguments)
    if given.into.exists() and any(given.into.iterdir()):
        sys.stderr.write(f"{given.into} is not empty.\n")
        return 1
    try:
        assemble(given.into, given.layers)
    except subprocess.CalledProcessError:
        return 1  # the build of the layer has said why
    sys.stdout.write(f"{_command(given.into)}\n")
    return 0


def _command(context: Path) -> str:
    """How to build the image for what its packages were built for."""
    python = (os.environ.get("LAMBDA_RUNTIME") or "python3.13").removeprefix("python")
    platform = PLATFORMS[os.environ.get("ARCHITECTURE") or "x86_64"]
    options = f"--platform {platform} --build-arg PYTHON={python}"
    return f"docker build {options} --tag servery-training {context}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
