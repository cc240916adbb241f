"""Attributes of nodes as plain lists and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import numpy_helper

from servery.errors import UnsupportedMediaError

if TYPE_CHECKING:
    import onnx


class Attributes:
    """What a node says, by name."""

    def __init__(self, node: onnx.NodeProto) -> None:
        self._said = {attribute.name: attribute for attribute in node.attribute}
        self._op = node.op_type
        if len(self._said) != len(node.attribute):
            raise self.broken("an attribute is there twice")

    def many(self, name: str) -> list[Any]:
        """A list of numbers or of bytes; empty where there is none."""
        said = self._said.get(name)
        if said is None:
            return []
        if said.HasField("t"):
            return self._numbers(said.t)
        return list(said.ints or said.strings or said.floats)

    def _numbers(self, tensor: onnx.TensorProto) -> list[Any]:
        try:
            return list(numpy_helper.to_array(tensor).reshape(-1).tolist())
        except (KeyError, TypeError, ValueError) as error:
            raise self.broken("a list is not what it says") from error

    def either(self, name: str) -> list[Any]:
        """A list of numbers, or its newer form with double precision."""
        self.check(not {name, f"{name}_as_tensor"} <= self._said.keys(), "a list is there twice")
        return self.many(name) or self.many(f"{name}_as_tensor")

    def one(self, name: str, default: int) -> int:
        """A whole number."""
        said = self._said.get(name)
        return default if said is None else int(said.i)

    def labels(self) -> list[Any]:
        """The classes, as text or as whole numbers."""
        for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
            if values := self.many(name):
                return [v.decode(errors="replace") if isinstance(v, bytes) else v for v in values]
        return []

    def same_length(self, *lists: list[Any]) -> int:
        """The length that some lists have in common.

        Raises:
            UnsupportedMediaError: they have none.
        """
        if len({len(each) for each in lists}) != 1:
            raise self.broken("its lists are not of one length")
        return len(lists[0])

    def check(self, good: bool, why: str) -> None:
        """Refuse the node unless something is as it has to be.

        Raises:
            UnsupportedMediaError: it is not; the sentence says why.
        """
        if not good:
            raise self.broken(why)

    def broken(self, why: str) -> UnsupportedMediaError:
        """The error about this node."""
        return UnsupportedMediaError(f"{self._op} in the ONNX model does not hold together: {why}")
