"""Versions of what an imported graph depends on."""

from __future__ import annotations

import platform

import numpy as np
import onnx
import onnxruntime


def libraries() -> dict[str, str]:
    """Name to version of what examined the graph and of what runs it."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
