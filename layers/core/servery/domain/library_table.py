"""Which libraries serve which models: what a model was made with against what is there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from servery.domain.manifest import Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ANY = "not recorded"
_ABSENT = "not there"
_LEFT_OUT = "a new training"


class Fit(StrEnum):
    """How near the version that serves has to be to the one that a model was made with."""

    EXACT = "exact"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def parts(self) -> int:
        """How many parts of a version have to be the same."""
        return {Fit.MAJOR: 1, Fit.MINOR: 2, Fit.EXACT: 9}[self]


class Rule(msgspec.Struct, frozen=True):
    """What one library of a runtime has to fit.

    Attributes:
        library: Its name.
        fit: How near.
        computes: Whether it computes: a model that does not say its version is refused then.
        why: For the table in the documentation.
    """

    library: str
    fit: Fit
    computes: bool = False
    why: str = ""


RULES: Mapping[Runtime, Sequence[Rule]] = {
    Runtime.ONNX: (
        Rule(
            "onnxruntime",
            Fit.MINOR,
            computes=True,
            why="a graph was proven with its kernels, which change from minor to minor version",
        ),
    ),
    Runtime.JOBLIB: (
        Rule(
            "scikit-learn",
            Fit.EXACT,
            computes=True,
            why="it warns of a pickle of any other version, and the warning is an error here",
        ),
        Rule("python", Fit.MINOR, why="a pickle may name what another minor version has moved"),
        Rule("numpy", Fit.MAJOR, why="arrays are pickled by the names of numpy's own modules"),
        Rule("lightgbm", Fit.MINOR, why="its models are pickled as objects of its own"),
        Rule("xgboost", Fit.MINOR, why="its models are pickled as objects of its own"),
    ),
}
"""What is not named here is used in training alone."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        library: Name of it.
        made_with: Its version when the model was made.
        here: Its version where the model is to be served.
        fits: The versions that would serve the model, `1.31.*`.
        ok: Whether the one that is here does.
    """

    library: str
    made_with: str
    here: str
    fits: str
    ok: bool


def library_table(
    runtime: Runtime, made_with: Mapping[str, str], here: Mapping[str, str]
) -> list[Entry]:
    """The libraries that matter for a model, each with what fits.

    Args:
        runtime: What is to compute.
        made_with: Name to version, as the manifest says.
        here: Name to version of what is there.
    """
    return [
        _entry(rule, made_with.get(rule.library, ""), here.get(rule.library, ""))
        for rule in RULES[runtime]
        if rule.computes or rule.library in made_with
    ]


def serves(table: Sequence[Entry]) -> bool:
    """Whether every library of a table fits."""
    return all(entry.ok for entry in table)


def as_text(table: Sequence[Entry]) -> str:
    """The table in columns, as the refusal of a model has it."""
    rows = [("library", "made with", "here", "fits")]
    rows += [(e.library, e.made_with, e.here, e.fits) for e in table]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _entry(rule: Rule, made_with: str, here: str) -> Entry:
    parts = made_with.split(".")[: rule.fit.parts]
    fits = ".".join([*parts, *([] if rule.fit is Fit.EXACT else ["*"])])
    return Entry(
        library=rule.library,
        made_with=made_with or _ANY,
        here=here or _ABSENT,
        fits=fits if made_with else _LEFT_OUT,
        ok=bool(made_with) and here.split(".")[: rule.fit.parts] == parts,
    )
