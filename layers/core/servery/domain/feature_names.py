"""The names of features, as columns that a request may have."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 128
_UNFIT = re.compile(r"[\x00-\x1f\"\\\ud800-\udfff]")


def column_names(names: Iterable[str]) -> list[str]:
    """Names that fit `COLUMN_NAME`, each there once, in the order of the given ones.

    What a column's name cannot have becomes `_`; of equal names the later ones get a number.
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = _UNFIT.sub("_", name)[:_LONGEST] or "feature"
        unique, number = plain, 1
        while unique in taken:
            number += 1
            ending = f"_{number}"
            unique = plain[: _LONGEST - len(ending)] + ending
        taken.add(unique)
        found.append(unique)
    return found
