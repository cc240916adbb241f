"""Where the layers of a function take effect.

On AWS the layers are laid over one another in /opt, a later one over an earlier one. Here they
stay where LocalStack unpacked them, and the search paths name them in the reverse order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def module_paths(layers: Sequence[Path], runtime: str) -> list[Path]:
    """Folders for PYTHONPATH, those that exist, in the order of AWS's Python runtimes.

    Args:
        layers: Unpacked layers in the order of the function's configuration.
        runtime: Such as `python3.13`.
    """
    return _existing(layers, f"python/lib/{runtime}/site-packages", "python")


def program_paths(layers: Sequence[Path]) -> list[Path]:
    """Folders for PATH."""
    return _existing(layers, "bin")


def library_paths(layers: Sequence[Path]) -> list[Path]:
    """Folders for LD_LIBRARY_PATH."""
    return _existing(layers, "lib")


def _existing(layers: Sequence[Path], *inside: str) -> list[Path]:
    candidates: Iterable[Path] = (layer / folder for folder in inside for layer in reversed(layers))
    return [path for path in candidates if path.is_dir()]
