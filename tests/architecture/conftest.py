"""Real layers, built once and kept until what they are made of changes."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

from fakes.template import ROOT

KEPT = ROOT / ".servery" / "layers"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
STALE_SECONDS = 3600.0


@cache
def load_build() -> ModuleType:
    """layers/build.py, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("layers_build", ROOT / "layers" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layers_build"] = module
    spec.loader.exec_module(module)
    return module


def _ingredients(layer: str) -> list[Path]:
    folder = ROOT / "layers"
    fixed = [ROOT / "infra/locks/dev.lock", folder / "build.py", folder / "slim.txt"]
    own = [p for p in sorted((folder / layer).rglob("*")) if p.is_file()]
    return fixed + [p for p in own if "__pycache__" not in p.parts]


def _digest(layer: str) -> str:
    content = hashlib.sha256(HERE.encode())
    for path in _ingredients(layer):
        content.update(str(path.relative_to(ROOT)).encode())
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def _forget_old(layer: str, current: Path) -> None:
    for other in KEPT.glob(f"{layer}-*"):
        if other != current and time.time() - other.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


@cache
def built_layer(layer: str) -> Path:
    """The folder of a layer as Lambda would unpack it under /opt."""
    module = load_build()
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{layer}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = KEPT / f"{layer}-{_digest(layer)}"
        if not target.exists():
            _forget_old(layer, target)
            scratch = Path(tempfile.mkdtemp(dir=KEPT, prefix="building-"))
            try:
                module.build(layer, scratch, module.Target(python=HERE))
                scratch.rename(target)
            except module.BuildError as error:
                pytest.fail(f"The layer {layer} cannot be built here: {error}", pytrace=False)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return target


@pytest.fixture(scope="session")
def layer() -> Callable[[str], Path]:
    """Builds a layer for the platform's processor and this Python, and gives its folder."""
    return built_layer


@pytest.fixture(scope="session")
def build_script() -> ModuleType:
    """The script that builds layers."""
    return load_build()
