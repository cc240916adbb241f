"""Puts right what converters write of trees, so that each 32-bit value goes the way it went before.

- scikit-learn and LightGBM compare with thresholds of 64 bits, ONNX with 32 bits. Rounded to the
  nearest, a threshold can reach the next value up and send it the other way; rounded down, no
  32-bit value changes sides.
- Flags are handed on as bools, and protobuf takes no bool for a whole number.
- Converters name no version of an operator, which then is the newest; skl2onnx refuses that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

FLAGS = "nodes_missing_value_tracks_true"
_MODES, _THRESHOLDS = "nodes_modes", "nodes_values"
_DOMAIN, _TREES = "ai.onnx.ml", "TreeEnsemble"
_VERSION_OF_TREES = 3  # the first with trees of 64 bits too, and the last before they were renamed

Untyped: TypeAlias = Any  # of skl2onnx


def down(threshold: float) -> np.float32:
    """The largest 32-bit float that is not above a threshold."""
    with np.errstate(over="ignore"):  # LightGBM's largest, which lets all pass that is not missing
        near = np.float32(threshold)
        # As Python's floats: numpy would first round the threshold to the 32 bits of the other one.
        return near if float(near) <= float(threshold) else np.nextafter(near, np.float32(-np.inf))


class ExactTrees:
    """A skl2onnx container that corrects the attributes of the trees passed to it.

    Args:
        container: The container itself.
        thresholds: Those of all nodes, where the converter has rounded them already.
    """

    def __init__(self, container: Untyped, thresholds: Iterable[np.float32] | None = None) -> None:
        self._container = container
        self._thresholds = None if thresholds is None else list(thresholds)

    def __getattr__(self, name: str) -> Untyped:
        return getattr(self._container, name)

    def add_node(
        self,
        op_type: str,
        inputs: Untyped,
        outputs: Untyped,
        op_domain: str = "",
        **attributes: Untyped,
    ) -> Untyped:
        """Add a node to the container, trees with exact attributes."""
        if op_domain == _DOMAIN:
            trees = op_type.startswith(_TREES)
            attributes.setdefault("op_version", _VERSION_OF_TREES if trees else 1)
        if FLAGS in attributes:
            attributes[FLAGS] = [int(flag) for flag in attributes[FLAGS]]
            attributes[_THRESHOLDS] = np.array(self._exact(attributes), dtype=np.float32)
        return self._container.add_node(op_type, inputs, outputs, op_domain=op_domain, **attributes)

    def _exact(self, attributes: dict[str, Untyped]) -> list[np.float32]:
        if self._thresholds is not None:
            return self._thresholds
        pairs = zip(attributes[_THRESHOLDS], attributes[_MODES], strict=True)
        return [down(value) if mode == "BRANCH_LEQ" else np.float32(value) for value, mode in pairs]
