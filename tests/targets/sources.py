"""Functions as their source has them: the tree of one, and what a name of a module stands for."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _functions(file: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """The functions of a file by name and first line, decorators included."""
    if not file.endswith(".py"):
        return {}
    return {
        (node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])): node
        for node in ast.walk(ast.parse(Path(file).read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def tree(function: Any) -> ast.FunctionDef | None:
    """The source of a function, None where there is none."""
    code = function.__code__
    return _functions(code.co_filename).get((code.co_name, code.co_firstlineno))


def bare(function: Any) -> types.FunctionType | None:
    """The function itself, without what binds or wraps it."""
    bare = inspect.unwrap(getattr(function, "__func__", function))
    return bare if isinstance(bare, types.FunctionType) else None


def parameters(function: Any) -> list[str]:
    """Names of what a function can be given by position, without what it is bound to."""
    plain = bare(function)
    source = plain and tree(plain)
    if not source:
        return []
    names = [a.arg for a in [*source.args.posonlyargs, *source.args.args]]
    return names[1:] if isinstance(function, types.MethodType) else names


def strings(thing: Any, depth: int = 0) -> Iterable[str]:
    """The strings in a constant of a module, collections included, the keys of mappings alone."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, list | tuple | set | frozenset | dict) and depth < 3:
        for item in thing:
            yield from strings(item, depth + 1)
