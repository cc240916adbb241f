"""The rows that a version was made of, fetched again: the very same, or an error."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from servery.domain.columns import Columns

ASSIGNMENT, ROWS = "assignment", "data.npz"


@dataclass(frozen=True)
class Fetched:
    """The rows of a version, checked.

    Attributes:
        train: What was trained on.
        test: What was kept for the test.
    """

    train: Columns
    test: Columns

    @property
    def rows(self) -> tuple[int, int]:
        """How many there are of each."""
        return _length(self.train), _length(self.test)


def fetch(read: Callable[[str], bytes | None], lineage: Mapping[str, Any]) -> Fetched:
    """The rows, held against the digests of the lineage: that of the rows and that of the split.

    Each stored part is held against the whole, too: train and test rows are exactly those that
    the split says.

    Args:
        read: Bytes of an object of the artifacts bucket by key; None where there is none.
        lineage: As the API has it, whose digests are those of the registered manifest.

    Raises:
        DevkitError: something is missing, or is not what was trained on.
    """
    from servery.adapters.npz_datasets import decode  # noqa: PLC0415 - numpy only where needed
    from servery.domain.columns import digest_columns  # noqa: PLC0415
    from servery.errors import ArtifactError  # noqa: PLC0415

    def columns(key: str) -> Columns:
        content = read(key)
        if content is None:
            raise DevkitError(f"{key} is not there any more.", "See: servery audit MODEL")
        try:
            return decode(content)
        except ArtifactError as error:
            raise DevkitError(f"{key}: {error}") from error

    data, split = lineage["data"], lineage["split"]
    whole = columns(data["key"])
    found = digest_columns(whole)
    if found != data["dataset"]:
        raise DevkitError(
            f"The rows have the digest {found[:16]}, not {data['dataset'][:16]}: "
            "they are not those that the version was made of."
        )
    test = _assignment(read, split, data["dataset"], _length(whole))
    parts = {}
    for name, chosen in (("train", ~test), ("test", test)):
        expected = {column: values.take(chosen) for column, values in whole.items()}
        stored = columns(f"{split['key']}{name}.npz")
        if digest_columns(stored) != digest_columns(expected):
            raise DevkitError(f"The stored {name} rows are not those that the split says.")
        parts[name] = stored
    return Fetched(parts["train"], parts["test"])


def write(fetched: Fetched, folder: Path, order: Sequence[str], about: Mapping[str, Any]) -> None:
    """Write `train.csv`, `test.csv` and `data.json`, which says what they are.

    Args:
        fetched: The rows.
        folder: Where they go; it is made.
        order: The columns as the spec names them; whatever else there is comes behind.
        about: What `data.json` says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in (("train", fetched.train), ("test", fetched.test)):
        names = [c for c in order if c in columns] + [c for c in columns if c not in order]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            cells = [_cells(columns, column) for column in names]
            writer.writerows(zip(*cells, strict=True))
    (folder / "data.json").write_text(json.dumps(about, indent=2) + "\n")


def _cells(columns: Columns, name: str) -> list[str]:
    """Numbers so that they are read as the very same ones again; nothing where a value is null."""
    column = columns[name]
    text = ("true", "false")
    return [
        "" if null else (text[not value] if isinstance(value, bool) else str(value))
        for value, null in zip(column.values.tolist(), column.nulls.tolist(), strict=True)
    ]


def _assignment(
    read: Callable[[str], bytes | None], split: Mapping[str, Any], dataset: str, rows: int
) -> Any:  # noqa: ANN401 - an array, and numpy is imported only where needed
    import numpy as np  # noqa: PLC0415
    from servery.usecases.training.split import digest_split  # noqa: PLC0415

    content = read(f"{split['key']}{ASSIGNMENT}")
    if content is None or len(content) != rows:
        raise DevkitError(
            "Nobody kept which row is on which side of the split.",
            "A training of the same spec writes it down: servery train MODEL",
        )
    test = np.frombuffer(content, dtype=np.bool_)
    if digest_split(dataset, test) != split["split"]:
        raise DevkitError("Which row is on which side of the split is not what was recorded.")
    return test


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values())).values)
