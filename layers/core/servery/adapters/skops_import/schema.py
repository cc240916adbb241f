"""Looks at every node in the schema of a skops file before anything is built from it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from servery.adapters.skops_import.allowed import FUNCTIONS, TREE, allowed
from servery.adapters.skops_import.archive import read_member
from servery.adapters.skops_import.stored_trees import check_tree
from servery.errors import MalformedError, UnsupportedMediaError

_PROTOCOL = 2  # older ones have builders of their own, which nobody needs to be able to choose
_LOADER = "__loader__"
_MOST_NODES = 5_000_000
_MOST_BYTES = 800 * 10**6
_DEEPEST = 200
_NULL = "null"


def check_schema(schema: dict[str, Any], archive: zipfile.ZipFile) -> None:
    """Let a file pass whose nodes are all on the list, and whose arrays are what they say.

    Raises:
        MalformedError: a node or an array does not hold together.
        UnsupportedMediaError: there is a type, or a way to build one, that is not on the list.
    """
    protocol = schema.get("protocol")
    if type(protocol) is not int or protocol != _PROTOCOL:
        raise UnsupportedMediaError(
            "the skops file was written by another version of skops; save it again with 0.16"
        )
    unpacked = 0
    for count, node in enumerate(_nodes(schema)):
        if count >= _MOST_NODES:
            raise UnsupportedMediaError(f"the skops file has more than {_MOST_NODES} nodes")
        name = _check_type(node)
        if node[_LOADER] == "NdArrayNode" and node.get("type") != "json":
            unpacked += archive.getinfo(_file(node, archive)).file_size
            if unpacked > _MOST_BYTES:
                raise UnsupportedMediaError(
                    f"the arrays of the skops file have more than {_MOST_BYTES} bytes"
                )
            _array(node, archive)
        elif name == TREE:
            check_tree(node, lambda inner: _array(inner, archive))
        elif name == FUNCTIONS:
            _check_functionless(node)


def _nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object with something that builds it, wherever it is."""
    pending: list[tuple[Any, int]] = [(schema, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > _DEEPEST:
            raise UnsupportedMediaError("the skops file is nested too deeply")
        if isinstance(value, dict):
            if _LOADER in value:
                yield value
            pending += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            pending += [(inner, depth + 1) for inner in value]


def _check_type(node: dict[str, Any]) -> str:
    loader, module, kind = (node.get(key) for key in (_LOADER, "__module__", "__class__"))
    if not (isinstance(loader, str) and isinstance(module, str) and isinstance(kind, str)):
        raise MalformedError("the skops file has a node without a type")
    name = f"{module}.{kind}"
    if name not in allowed().get(loader, frozenset()):
        raise UnsupportedMediaError(
            f"the skops file has the type {name[:200]!r} ({loader[:60]}), which is not on the "
            "allow-list; train the model here, or export it to ONNX and import that"
        )
    return name


def _file(node: dict[str, Any], archive: zipfile.ZipFile) -> str:
    name = node.get("file")
    if node.get("type") != "numpy" or not isinstance(name, str) or name not in archive.namelist():
        raise MalformedError("the skops file has an array without its file")
    return name


def _array(node: dict[str, Any], archive: zipfile.ZipFile) -> np.ndarray[Any, Any]:
    """An array of plain values that has exactly as many bytes as its header says."""
    content = read_member(archive, _file(node, archive))
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or size != len(content) - stream.tell():
            raise MalformedError("the skops file has an array that is not what its header says")
        stream.seek(0)
        found: np.ndarray[Any, Any] = np.load(stream, allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, MemoryError) as error:
        raise MalformedError("the skops file has an array that cannot be read") from error
    return found


def _check_functionless(node: dict[str, Any]) -> None:
    """A function transformer passes columns through, with no function in it."""
    content = node.get("content")
    said = content.get("content") if isinstance(content, dict) else None
    for name in ("func", "inverse_func"):
        inner = said.get(name) if isinstance(said, dict) else None
        if not isinstance(inner, dict) or inner.get(_LOADER) != "JsonNode":
            raise MalformedError("the skops file has a function transformer that is not whole")
        if inner.get("content") != _NULL:
            raise UnsupportedMediaError("the skops file has a function in a transformer")
