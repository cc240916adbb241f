"""Trains a model with scikit-learn alone and writes it as a file: a script that is not Servery.

python foreign_model.py {onnx|skops|joblib} MODEL SAMPLE
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

KINDS = np.array(["setosa", "versicolor", "virginica"])
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def main(form: str, model: Path, sample: Path) -> None:
    """Fit, write the model and a sample of every third row, and say what it answers there."""
    rows, kinds = load_iris(return_X_y=True)
    rows, named = rows.astype(np.float32), KINDS[kinds]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows, named)
    model.write_bytes(_written(form, pipeline, rows))
    with sample.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "species"])
        for row, kind in zip(rows[::3], named[::3], strict=True):
            writer.writerow([*(f"{value:.1f}" for value in row), kind])
    print(",".join(pipeline.predict(rows[::50])))  # noqa: T201 - what the test compares with


def _written(form: str, pipeline: object, rows: np.ndarray) -> bytes:
    if form == "onnx":
        from skl2onnx import to_onnx  # noqa: PLC0415

        return to_onnx(pipeline, rows[:1]).SerializeToString()
    if form == "skops":
        import skops.io  # noqa: PLC0415

        return skops.io.dumps(pipeline)
    import io  # noqa: PLC0415

    import joblib  # noqa: PLC0415

    content = io.BytesIO()
    joblib.dump(pipeline, content)
    return content.getvalue()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
