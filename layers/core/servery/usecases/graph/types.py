"""The values that the steps of a graph hand on: what type they have, and where they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from servery.domain.entities import EntityColumn, Lookup
from servery.domain.graphs import Aggregator, Group, Member
from servery.domain.signature import Dtype, Field, Signature, Task

Category = str | int | bool
NUMBERS = (Dtype.FLOAT, Dtype.INT)
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an answer.

    Attributes:
        dtype: What it is.
        unit: Unit of measure, `1` where there is none.
        nullable: Whether it may be null.
        categories: All that it can be, where that is known.
    """

    dtype: Dtype
    unit: str = "1"
    nullable: bool = False
    categories: tuple[Category, ...] | None = None


Answers = Mapping[str, Value]
"""What a step answers for a row: path behind the step's name to the value there."""


def of_model(signature: Signature) -> dict[str, Value]:
    """What a model answers."""
    output = signature.output
    if signature.task is Task.PREPROCESSING:
        return {f"features.{name}": Value(Dtype.FLOAT) for name in output.features or ()}
    if signature.task is Task.REGRESSION:
        return {"value": Value(Dtype.FLOAT, output.unit)}
    classes = tuple(output.classes or ())
    answers = {"class": Value(output.dtype, output.unit, categories=classes)}
    if output.probabilities:
        answers |= {f"probabilities.{written(c)}": Value(Dtype.FLOAT) for c in classes}
    return answers


def unit_of(signature: Signature) -> str:
    """Unit of the value that a model answers; empty where it answers none."""
    return signature.output.unit if signature.task is Task.REGRESSION else ""


def of_lookup(lookup: Lookup) -> dict[str, Value]:
    """What a lookup answers."""
    return {column.name: of_column(column) for column in lookup.columns}


def of_column(column: EntityColumn) -> Value:
    """What a looked-up column holds."""
    return Value(column.dtype, column.unit, column.nullable)


def of_group(group: Group, members: Mapping[str, Answers]) -> dict[str, Value]:
    """What a group answers whose members answer that; nothing where they do not go together."""
    each = [members[member.name] for member in group.members]
    match group.aggregate:
        case Aggregator.ALL:
            return {
                f"{name}.{path}": value
                for name, answers in members.items()
                for path, value in answers.items()
            }
        case Aggregator.ANY:
            shared = {path: _either(path, each) for path in ("class", "value")}
            return {path: value for path, value in shared.items() if value is not None}
        case Aggregator.QUORUM | Aggregator.VOTE:
            chosen = _either("class", each)
            return {} if chosen is None else {"class": chosen}
        case Aggregator.ARGMAX:
            labels = tuple(dict.fromkeys(label_of(member) for member in group.members))
            return {"class": Value(Dtype.STRING, categories=labels)}
    units = {members[m.name][m.score].unit for m in group.members if m.score in members[m.name]}
    return {"value": Value(Dtype.FLOAT, units.pop())} if len(units) == 1 else {}


def label_of(member: Member) -> str:
    """What argmax answers when this member has the highest score."""
    return member.label or member.name


def written(category: Category) -> str:
    """A class as the key of its probability has it."""
    return category if isinstance(category, str) else msgspec.json.encode(category).decode()


def misfit(value: Value, field: Field) -> str | None:
    """Why a value cannot be this input of a model; None where it can."""
    # True and false go into a float as 1 and 0.
    into_float = field.dtype is Dtype.FLOAT and value.dtype.numeric
    if value.dtype is not field.dtype and not into_float:
        return f"is {value.dtype}; {field.name} is {field.dtype}"
    if value.unit != field.unit:
        return f"is in {value.unit}; {field.name} is in {field.unit}"
    if value.nullable and not field.nullable:
        return f"may be null; {field.name} may not"
    if value.categories is None:
        return None
    strange = [c for c in value.categories if not _takes(field, c)]
    if strange:
        return f"can be {listing(map(str, strange))}, which {field.name} does not take"
    return None


def listing(names: object) -> str:
    """Some names in a sentence; not all where they are many."""
    listed = list(names) if hasattr(names, "__iter__") else [str(names)]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _takes(field: Field, category: Category) -> bool:
    if field.categories is not None:
        return category in field.categories
    if isinstance(category, str):
        return True
    low = field.minimum if field.minimum is not None else category
    high = field.maximum if field.maximum is not None else category
    return low <= category <= high


def _either(path: str, each: list[Answers]) -> Value | None:
    """The value that every one has under a path, with what any of them may say."""
    values = [answers[path] for answers in each if path in answers]
    kinds = {(value.dtype, value.unit) for value in values}
    if len(values) < len(each) or len(kinds) != 1:
        return None
    if any(value.categories is None for value in values):
        return values[0]
    union = dict.fromkeys(c for value in values for c in value.categories or ())
    return Value(values[0].dtype, values[0].unit, categories=tuple(union))
