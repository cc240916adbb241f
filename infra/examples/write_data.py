# ruff: noqa: INP001 - a script, no package
"""Writes the data of the examples from scikit-learn's own copies.

Run it with `python infra/examples/write_data.py`. The files lie beside this one in `data/` and
are committed, so nobody needs to run it; it says where they come from. Values are written as
they are, text classes by their names.
"""

from __future__ import annotations

import csv
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn import datasets

FOLDER = Path(__file__).parent / "data"
Table = dict[str, list[Any]]


def tables() -> dict[str, Table]:
    """File name to columns of every data set."""
    iris, wine = _named(datasets.load_iris(), "species"), _wine()
    masses = _named(datasets.load_breast_cancer(), "diagnosis")
    return {
        "iris.csv": iris,
        "iris_rest.csv": _one_against_rest(iris, "species"),
        "flowers.csv": _numbered(iris, "flower", without="species"),
        "wine.parquet": wine,
        **{f"wine_{k}.csv": _only(wine, "cultivar", f"cultivar_{k}") for k in (1, 2, 3)},
        "breast_cancer.csv": masses,
        "biopsies.csv": _numbered(masses, "biopsy", without="diagnosis"),
        "digits.csv": _digits(),
        "digits_statistics.csv": _digits_statistics(),
        "diabetes.csv": _diabetes(),
    }


def content(name: str, table: Table) -> bytes:
    """The bytes of a file in the format that its name says."""
    if name.endswith(".parquet"):
        sink = io.BytesIO()
        pq.write_table(pa.table(table), sink, compression="zstd")
        return sink.getvalue()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for name, table in tables().items():
        (FOLDER / name).write_bytes(content(name, table))


def _named(bunch: Any, target: str) -> Table:  # noqa: ANN401 - scikit-learn's own
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in bunch.feature_names]
    columns = dict(zip(names, bunch.data.T.tolist(), strict=True))
    return {**columns, target: [str(bunch.target_names[k]) for k in bunch.target]}


def _wine() -> Table:
    bunch = datasets.load_wine()
    names = [name.replace("/", "_") for name in bunch.feature_names]
    cultivars = [f"cultivar_{number + 1}" for number in bunch.target]
    return {**dict(zip(names, bunch.data.T.tolist(), strict=True)), "cultivar": cultivars}


def _one_against_rest(table: Table, target: str) -> Table:
    """A column of yes and no for each class, in place of the one column of classes."""
    classes = sorted(set(table[target]))
    features = {name: values for name, values in table.items() if name != target}
    said = {c: ["yes" if value == c else "no" for value in table[target]] for c in classes}
    return {**features, **said}


def _numbered(table: Table, column: str, *, without: str) -> Table:
    """The same with a number for each row, such as f001, in place of one of the columns."""
    count = len(table[without])
    kept = {name: values for name, values in table.items() if name != without}
    return {column: [f"{column[0]}{row:03d}" for row in range(1, count + 1)], **kept}


def _only(table: Table, column: str, value: str) -> Table:
    """The rows with one value in a column, without that column."""
    kept = [found == value for found in table[column]]
    return {
        name: list(itertools.compress(values, kept))
        for name, values in table.items()
        if name != column
    }


def _digits() -> Table:
    bunch = datasets.load_digits()
    pixels = bunch.data.astype(int).T.tolist()
    columns = dict(zip(bunch.feature_names, pixels, strict=True))
    return {**columns, "digit": bunch.target.tolist()}


def _digits_statistics() -> Table:
    """A few figures of each image in place of the image, in the order of the images.

    How much ink there is, which shares of it lie where, how it spreads, and how much of it
    stays in place when the image is mirrored or turned upside down.
    """
    bunch = datasets.load_digits()
    images = bunch.images.astype(int)  # sums of whole numbers are the same on every machine
    rows, columns = np.indices(images.shape[1:])
    ink = images.sum(axis=(1, 2))

    def mean(values: Any) -> Any:  # noqa: ANN401 - arrays
        return (images * values).sum(axis=(1, 2)) / ink

    row, column = mean(rows), mean(columns)
    statistics = {
        "upper_half": images[:, :4].sum(axis=(1, 2)) / ink,
        "left_half": images[:, :, :4].sum(axis=(1, 2)) / ink,
        "middle": images[:, 2:6, 2:6].sum(axis=(1, 2)) / ink,
        "row_center": row,
        "column_center": column,
        "row_spread": np.sqrt(mean(rows**2) - row**2),
        "column_spread": np.sqrt(mean(columns**2) - column**2),
        "slant": mean(rows * columns) - row * column,
        "mirror_symmetry": 1 - abs(images - images[:, :, ::-1]).sum(axis=(1, 2)) / (2 * ink),
        "flip_symmetry": 1 - abs(images - images[:, ::-1]).sum(axis=(1, 2)) / (2 * ink),
    }
    written = {name: values.round(4).tolist() for name, values in statistics.items()}
    return {"ink": ink.tolist(), **written, "digit": bunch.target.tolist()}


def _diabetes() -> Table:
    """The measured values; the names of the serum measurements are those of the description."""
    bunch = datasets.load_diabetes(scaled=False)
    serum = ["total_cholesterol", "ldl", "hdl", "cholesterol_ratio", "log_triglycerides", "glucose"]
    names = ["age", "sex", "bmi", "blood_pressure", *serum]
    columns = dict(zip(names, bunch.data.T.tolist(), strict=True))
    columns["age"] = [int(value) for value in columns["age"]]
    columns["sex"] = [int(value) for value in columns["sex"]]
    return {**columns, "progression": bunch.target.tolist()}


if __name__ == "__main__":
    main()
