"""What a state machine says with paths, templates and comparisons (JSONPath): the part we use."""

from __future__ import annotations

import json
import re
from typing import Any

_CALL = re.compile(r"States\.(\w+)\((.*)\)", re.DOTALL)
_ARGUMENT = re.compile(r"\s*('(?:[^'])*'|[^,]+)\s*(?:,|$)")
_COMPARED = {"BooleanEquals", "NumericEquals", "StringEquals"}


def value_of(path: str, held: Any, context: dict[str, Any]) -> Any:
    """What lies under a path, or what an intrinsic function makes of its arguments."""
    call = _CALL.fullmatch(path)
    if call:
        arguments = [value_of(part.strip(), held, context) for part in _ARGUMENT.findall(call[2])]
        return _FUNCTIONS[call[1]](arguments)
    if path.startswith("'"):
        return path[1:-1]
    if path.startswith("$$"):
        path, held = path[1:], context
    for part in path.removeprefix("$").strip(".").split("."):
        held = held[part] if part else held
    return held


def built(template: Any, held: Any, context: dict[str, Any]) -> Any:
    """What a payload template makes of what is held."""
    if isinstance(template, list):
        return [built(item, held, context) for item in template]
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): value_of(value, held, context)
        if name.endswith(".$")
        else built(value, held, context)
        for name, value in template.items()
    }


def placed(held: Any, path: str | None, result: Any) -> Any:
    """What is held after a result was put under a path (one name deep)."""
    if path is None:
        return held
    return result if path == "$" else {**held, path.removeprefix("$."): result}


def chosen(state: dict[str, Any], held: Any, context: dict[str, Any]) -> str:
    """The state that a Choice leads to."""
    for rule in state["Choices"]:
        if _holds(rule, held, context):
            return str(rule["Next"])
    return str(state["Default"])


def _holds(rule: dict[str, Any], held: Any, context: dict[str, Any]) -> bool:
    if "And" in rule:
        return all(_holds(inner, held, context) for inner in rule["And"])
    if "IsPresent" in rule:
        return _is_present(rule["Variable"], held, context) is rule["IsPresent"]
    (comparison,) = _COMPARED & set(rule)
    value, wanted = value_of(rule["Variable"], held, context), rule[comparison]
    if comparison == "NumericEquals":
        return not isinstance(value, bool) and isinstance(value, int | float) and value == wanted
    return type(value) is type(wanted) and value == wanted


def _is_present(path: str, held: Any, context: dict[str, Any]) -> bool:
    """Whether there is anything under a path, be it null."""
    try:
        value_of(path, held, context)
    except (KeyError, TypeError):
        return False
    return True


def _format(arguments: list[Any]) -> str:
    template, *values = arguments
    for value in values:
        template = template.replace("{}", value if isinstance(value, str) else str(value), 1)
    return str(template)


_FUNCTIONS = {
    "JsonToString": lambda arguments: json.dumps(arguments[0]),
    "Array": list,
    "Format": _format,
}
