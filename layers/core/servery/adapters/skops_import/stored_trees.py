"""Trees as they are stored: scikit-learn walks them without looking where it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.errors import MalformedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAF = -1
Reader = Callable[[dict[str, Any]], "np.ndarray[Any, Any]"]


def check_tree(node: dict[str, Any], read: Reader) -> None:
    """Refuse a tree that would be left, or walked in circles, when it is asked.

    Args:
        node: The tree in the schema.
        read: Reads an array of it.

    Raises:
        MalformedError: it would be, or it is not whole.
    """
    try:
        state = node["content"]["content"]
        features, _, outputs = node["__reduce__"]["args"]["content"]
        count = json.loads(state["node_count"]["content"])
        width, answers = json.loads(features["content"]), json.loads(outputs["content"])
        nodes, values = read(state["nodes"]), read(state["values"])
        if state["nodes"]["__loader__"] != "NdArrayNode":
            raise _broken()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken() from error
    if not all(type(number) is int and number > 0 for number in (count, width, answers)):
        raise _broken()
    if nodes.shape != (count,) or nodes.dtype.names is None or values.shape[:2] != (count, answers):
        raise _broken()
    check_steps(nodes["left_child"], nodes["right_child"], nodes["left_child"] == LEAF)
    inner = nodes["left_child"] != LEAF
    check_columns(nodes["feature"][inner], width)


def check_steps(
    left: NDArray[np.integer[Any]], right: NDArray[np.integer[Any]], leaf: NDArray[np.bool_]
) -> None:
    """Every node that is no leaf leads to later nodes of the same tree, so that a walk ends.

    Raises:
        MalformedError: one does not.
    """
    count = len(left)
    here = np.arange(count)[~leaf]
    for ways in (left, right):
        there = ways[~leaf].astype(np.int64)
        if ((there <= here) | (there >= count)).any():
            raise _broken()


def check_columns(features: NDArray[np.integer[Any]], width: int) -> None:
    """Every column that is asked for is there.

    Raises:
        MalformedError: one is not.
    """
    asked = features.astype(np.int64)
    if ((asked < 0) | (asked >= width)).any():
        raise _broken()


def _broken() -> MalformedError:
    return MalformedError("the model file has a tree that does not hold together")
