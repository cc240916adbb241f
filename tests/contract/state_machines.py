"""Walks a state machine with types in place of data.

Every path through the machine is followed with what the state holds at that point: the type of
the execution's input, grown by the type of each step's result. So a field that a state reads
has to be produced before, on every way that leads there.
"""

from __future__ import annotations

import importlib.util
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

REFERENCE = re.compile(r"(?<![\w$])\$((?:\.\w+|\[\d+\])*)")
CAUGHT = {"Error": str, "Cause": str}
COMPARED = ("Variable",)

Schema = Any  # a dict of names to schemas, a type, or Any where nothing is known


class ContractError(AssertionError):
    """A state reads what nobody has produced, or a function gets what it does not take."""


@dataclass
class Machine:
    """A state machine with the types of its functions.

    Attributes:
        definition: As written, substitutions included.
        functions: Substitution of a function's ARN to (type of its event, type of its result).
        named: The same for functions that a path names, by that path.
        items: Name of a map to the type of its items.
    """

    definition: dict[str, Any]
    functions: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    named: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    items: dict[str, Any] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, Any]:
        states: dict[str, Any] = self.definition["States"]
        return states

    def all_states(self) -> dict[str, Any]:
        """The states, and those inside of maps, by name."""
        found = dict(self.states)
        for state in self.states.values():
            if "ItemProcessor" in state:
                found |= Machine(state["ItemProcessor"]).all_states()
        return found

    def substitutions(self) -> set[str]:
        return set(re.findall(r"\$\{(\w+)\}", yaml.safe_dump(self.definition, width=10_000)))

    def check(self, start: Schema) -> set[str]:
        """Follow every path from the start; the names of the states that can be reached."""
        reached: set[str] = set()
        pending = [(self.definition["StartAt"], start, frozenset[str]())]
        while pending:
            name, held, passed = pending.pop()
            if name in passed:
                continue
            reached.add(name)
            try:
                steps = list(self._follow(self.states[name], held))
                reached |= self._inside(name, held)
            except ContractError as error:
                raise ContractError(f"{name}: {error}") from error
            pending += [(then, grown, passed | {name}) for then, grown in steps]
        return reached

    def _inside(self, name: str, held: Schema) -> set[str]:
        """The states inside of a map that can be reached."""
        state = self.states[name]
        if state["Type"] != "Map":
            return set()
        if "ItemReader" in state:
            build(state["ItemReader"]["Parameters"], held)
        else:
            find(held, state["ItemsPath"])
        given = build(state["ItemSelector"], held, self.items[name])
        inner = Machine(state["ItemProcessor"], self.functions, self.named, self.items)
        return inner.check(given)

    def _follow(self, state: dict[str, Any], held: Schema) -> Iterator[tuple[str, Schema]]:
        kind = state["Type"]
        given = find(held, state.get("InputPath", "$"))
        if kind == "Choice":
            for rule in state["Choices"]:
                for path in _compared(rule):
                    find(given, path)
                yield rule["Next"], given
            if "Default" in state:
                yield state["Default"], given
            return
        result = self._result(state, given)
        for catch in state.get("Catch", []):
            yield catch["Next"], place(given, catch.get("ResultPath", "$"), CAUGHT)
        if "ResultSelector" in state:
            result = build(state["ResultSelector"], result)
        grown = place(given, state.get("ResultPath", "$"), result)
        grown = find(grown, state.get("OutputPath", "$"))
        if "Next" in state:
            yield state["Next"], grown

    def _result(self, state: dict[str, Any], given: Schema) -> Schema:
        parameters = build(state["Parameters"], given) if "Parameters" in state else given
        if state["Type"] == "Map":
            return list
        if state["Type"] == "Task":
            resource = str(state["Resource"])
            wrapped = resource.endswith(":lambda:invoke")
            if wrapped:
                invoked = state["Parameters"]
                resource = str(invoked.get("FunctionName") or invoked["FunctionName.$"])
                parameters = parameters.get("Payload", {})
            name = resource.removeprefix("${").removesuffix("}")
            known = self.functions | self.named
            if name not in known:
                return Any
            event, result = known[name]
            fit(event, parameters, "the event")
            return {"Payload": result, "StatusCode": int} if wrapped else result
        if state["Type"] == "Pass":
            return Any if "Result" in state else parameters
        if state["Type"] in ("Succeed", "Fail", "Wait"):
            build({f"{n}.$": v for n, v in state.items() if n.endswith("Path")}, given)
            return given
        raise ContractError(f"this test does not know states of type {state['Type']}")


def _compared(rule: dict[str, Any]) -> Iterator[str]:
    for name, value in rule.items():
        if name in ("And", "Or"):
            for inner in value:
                yield from _compared(inner)
        elif name == "Not":
            yield from _compared(value)
        elif name in COMPARED or name.endswith("Path"):
            yield str(value)


def build(template: Any, held: Schema, item: Schema = Any) -> Schema:
    """The schema that a payload template makes of what is held (and of an item of a map)."""
    if isinstance(template, list):
        return [build(each, held, item) for each in template]
    if not isinstance(template, dict):
        return type(template)
    made: dict[str, Schema] = {}
    for name, value in template.items():
        if not name.endswith(".$"):
            made[name] = build(value, held, item)
        elif str(value).startswith("States."):
            for path in REFERENCE.findall(value):
                find(held, f"${path}")
            made[name.removesuffix(".$")] = Any
        elif value == "$$.Map.Item.Value":
            made[name.removesuffix(".$")] = item
        elif str(value).startswith("$$"):
            made[name.removesuffix(".$")] = Any
        else:
            made[name.removesuffix(".$")] = find(held, value)
    return made


def find(held: Schema, path: str) -> Schema:
    """What lies under a path.

    Raises:
        ContractError: nobody has produced it.
    """
    if path is None or path.startswith("$$"):
        return Any
    for part in re.findall(r"\w+", path.removeprefix("$")):
        held = _bare(held)
        if held is Any or get_origin(held) is dict or part.isdigit():
            return Any
        inside = fields(held)
        if part not in inside:
            raise ContractError(f"{path} is read, and nothing before has produced it")
        held = inside[part]
    return held


def place(held: Schema, path: str | None, result: Schema) -> Schema:
    """What is held after a result was put under a path (one name deep)."""
    if path is None:
        return held
    if path == "$":
        return result
    if _bare(held) is Any:
        return Any
    name = path.removeprefix("$.")
    return {**fields(held), name: result}


def fields(held: Schema) -> dict[str, Schema]:
    """Names and schemas of what is held."""
    held = _bare(held)
    if isinstance(held, dict):
        return held
    if isinstance(held, type) and issubclass(held, msgspec.Struct):
        hints = get_type_hints(held, include_extras=True)
        return {f.encode_name: hints[f.name] for f in msgspec.structs.fields(held)}
    return {}


def fit(wanted: Any, given: Schema, where: str) -> None:
    """Check that what is given has all that a type requires, in its types.

    Raises:
        ContractError: something is missing or is of another type.
    """
    wanted, given = _bare(wanted), _bare(given)
    if Any in (wanted, given):
        return
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        inside = fields(given)
        for each in msgspec.structs.fields(wanted):
            if each.encode_name in inside:
                hint = get_type_hints(wanted, include_extras=True)[each.name]
                fit(hint, inside[each.encode_name], f"{where}.{each.encode_name}")
            elif each.required:
                raise ContractError(f"{where} lacks {each.encode_name}")
    elif isinstance(wanted, type) and issubclass(wanted, StrEnum) and given is str:
        return  # a word of it, which a run of the machine shows to be known
    elif isinstance(wanted, type) and isinstance(given, type) and not issubclass(given, wanted):
        raise ContractError(f"{where} is {given.__name__} and should be {wanted.__name__}")


def _bare(schema: Schema) -> Schema:
    """A type without Annotated, and without None among its choices."""
    if get_origin(schema) is Annotated:
        return _bare(get_args(schema)[0])
    if get_origin(schema) in (Union, types.UnionType):
        choices = [c for c in get_args(schema) if c is not type(None)]
        return _bare(choices[0]) if len(choices) == 1 else Any
    return schema


def handler_types(path: Path) -> tuple[Any, Any]:
    """Types of the event and of the result of a handler made by `edge.steps.step`."""
    spec = importlib.util.spec_from_file_location(f"handler_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    inner = module.handler.__wrapped__
    hints = get_type_hints(inner, vars(module), include_extras=True)
    result = hints.pop("return", Any)
    (event,) = hints.values()
    return event, result
