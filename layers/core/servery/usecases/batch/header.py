"""Which columns of a file are read, passed through or left alone; and whether that can be."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.packing import FITTING, FoundColumn
from servery.domain.spec import Role
from servery.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest
    from servery.domain.signature import Field

LONGEST_HEADER = 1024 * 1024
_SHOWN, _NAME_SHOWN = 20, 64
_RESERVED = "probability_"


class _Declared(msgspec.Struct):
    name: str
    role: Role = Role.FEATURE


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a model's files are for.

    Attributes:
        features: The inputs of the model.
        asked: Columns that have to be there and are passed through.
        ids: Columns that are passed through where they are there.
        ignored: Columns that may be there and are not read.
    """

    features: list[Field]
    asked: list[str]
    ids: list[str]
    ignored: list[str]

    def passed(self, found: Iterable[str]) -> list[str]:
        """The columns to be passed through, of those of a file, in its order."""
        wanted = {*self.asked, *self.ids}
        return [name for name in found if name in wanted]

    @property
    def passed_anywhere(self) -> list[str]:
        """The columns to be passed through of a file that has no header."""
        return [*dict.fromkeys([*self.ids, *self.asked])]

    def left(self, passed: Iterable[str]) -> list[str]:
        """The columns that are not read, of a file with these passed through."""
        read = {*passed, *(field.name for field in self.features)}
        return [name for name in dict.fromkeys([*self.ignored, *self.ids]) if name not in read]


def columns_of(manifest: Manifest, id_columns: Sequence[str]) -> Columns:
    """What the columns of a model's files are for.

    Args:
        manifest: Of the model; the spec in its lineage says the roles.
        id_columns: What the submitter wants passed through beside the spec's ids.

    Raises:
        InvalidInputError: a column to be passed through has the name of an output.
    """
    declared = _declared(manifest.lineage.spec)
    output = manifest.signature.output
    unread = [c.name for c in declared if c.role in (Role.IGNORED, Role.TARGET)]
    columns = Columns(
        features=manifest.signature.inputs,
        asked=[*dict.fromkeys(id_columns)],
        ids=[c.name for c in declared if c.role is Role.ID],
        ignored=[*dict.fromkeys([output.name, *unread])],
    )
    taken = [
        name
        for name in columns.passed_anywhere
        if name in ("prediction", "probabilities")
        or (output.probabilities and name.startswith(_RESERVED))
    ]
    if taken:
        raise _refused(
            f"columns of the output have these names already, so they cannot be passed through: "
            f"{_listed(taken)}",
            dict.fromkeys(taken, "is a name of the output"),
        )
    return columns


def read_header(line: bytes) -> list[str]:
    """The names in the first line of a CSV file.

    Raises:
        InvalidInputError: it is no header.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError("the header is not UTF-8") from error
    if not text.strip("\r\n"):
        raise InvalidInputError("the first line is empty; it has to be the header")
    if "\r" in text.rstrip("\r\n"):
        raise InvalidInputError("lines have to end with a line feed, not a carriage return alone")
    try:
        names = next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise InvalidInputError(f"the header cannot be read: {error}") from error
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise InvalidInputError("the header has one field only; fields are separated by commas")
    return names


def check_names(found: Sequence[str], columns: Columns) -> None:
    """Refuse a file whose columns are not those of the model, in any order.

    Raises:
        InvalidInputError: columns are missing, unknown or there twice; the sentence names them.
    """
    counted = Counter(found)
    features = [field.name for field in columns.features]
    known = {*features, *columns.asked, *columns.ids, *columns.ignored}
    needed = dict.fromkeys([*features, *columns.asked])
    missing = [name for name in needed if name not in counted]
    unknown = [name for name in counted if name not in known]
    twice = [name for name, times in counted.items() if times > 1]
    if len(unknown) == len(counted):  # these may be values, which nobody is told
        raise _refused(
            f"none of the columns of the model is in the file; perhaps it has no header; "
            f"missing: {_listed(missing)}",
            dict.fromkeys(missing, "missing"),
        )
    sentence = _problems(missing, unknown, twice)
    if sentence:
        wrong = dict.fromkeys(missing, "missing") | dict.fromkeys(unknown, "unknown")
        raise _refused(
            f"the columns of the file are not those of the model; {sentence}",
            wrong | dict.fromkeys(twice, "there twice"),
        )


def check_types(found: Sequence[FoundColumn], columns: Columns, passed: Sequence[str]) -> None:
    """Refuse a Parquet file whose types are not those of the model.

    Raises:
        InvalidInputError: types do not fit, or cannot be passed through; the sentence says which.
    """
    named = {column.name: column for column in found}
    wrong = {}
    for field in columns.features:
        column = named[field.name]
        if not column.empty and column.dtype not in FITTING[field.dtype]:
            wrong[field.name] = f"is {column.told} in the file, {field.dtype} in the model"
    for name in passed:
        if not named[name].plain:
            wrong[name] = f"is {named[name].told}, which cannot be passed through"
    if wrong:
        told = "; ".join(f"{name!r} {what}" for name, what in [*wrong.items()][:_SHOWN])
        raise _refused(f"the types of the file are not those of the model: {told}", wrong)


def _declared(spec: dict[str, Any]) -> list[_Declared]:
    try:
        return msgspec.convert(spec.get("data", {}).get("columns", []), list[_Declared])
    except (msgspec.ValidationError, AttributeError):
        return []  # registered by other rules than today's; its signature says what it needs


def _problems(missing: Sequence[str], unknown: Sequence[str], twice: Sequence[str]) -> str:
    return "; ".join(
        f"{what}: {_listed(names)}{hint}"
        for what, names, hint in (
            ("missing", missing, ""),
            ("unknown", unknown, " (name them in id_columns to have them passed through)"),
            ("there twice", twice, ""),
        )
        if names
    )


def _refused(sentence: str, wrong: dict[str, str]) -> InvalidInputError:
    return InvalidInputError(
        sentence, tuple(Violation(name, message) for name, message in wrong.items())
    )


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(repr(_shortened(name)) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{told} and {more} more" if more > 0 else told


def _shortened(name: str) -> str:
    """A name may be as long as the header; the whole sentence has to fit into an error."""
    return name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}..."
