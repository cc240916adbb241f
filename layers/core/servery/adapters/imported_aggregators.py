"""Aggregators out of the deploy's allow-list, imported: `name=package.module:function,...`."""

from __future__ import annotations

import importlib
import re

from servery.domain.named_aggregators import NamedAggregator
from servery.errors import FaultError

_ENTRY = re.compile(
    r"(?P<name>[a-z][a-z0-9_]{0,47})=(?P<module>[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)",
    re.ASCII,
).fullmatch


def import_aggregators(allowed: str) -> dict[str, NamedAggregator]:
    """The functions of an allow-list, by the names that graphs know them by.

    Args:
        allowed: Entries, separated by commas; empty for none.

    Raises:
        FaultError: an entry is not of that form, is there twice, or leads to no function.
    """
    found: dict[str, NamedAggregator] = {}
    for entry in filter(None, (part.strip() for part in allowed.split(","))):
        match = _ENTRY(entry)
        if match is None:
            raise FaultError(f"an aggregator is name=package.module:function, not {entry}")
        if match["name"] in found:
            raise FaultError(f"there are two aggregators called {match['name']}")
        found[match["name"]] = _import(match["module"], match["function"])
    return found


def _import(module: str, name: str) -> NamedAggregator:
    try:
        function: NamedAggregator = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise FaultError(f"there is no aggregator {module}:{name}: {error}") from error
    if not callable(function):
        raise FaultError(f"the aggregator {module}:{name} is no function")
    return function
