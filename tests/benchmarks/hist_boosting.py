"""Histogram gradient boosting, served four ways: how exact each is, and how fast.

python -m benchmarks.hist_boosting [--rounds 9] [--json]

Treelite's models are also compiled to machine code, which needs a C compiler.
"""

from __future__ import annotations

import argparse
import io
import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import tl2cgen
import treelite
from numpy.typing import NDArray
from servery.adapters.onnx_exporter import export
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.adapters.sklearn_runtime import SklearnRuntime
from servery.domain.digest import digest_bytes
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from sklearn.datasets import load_breast_cancer, make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from benchmarks.report import Report, show

MANY, ONES, WIDTH = 1000, 200, 30
Scores = Callable[[NDArray[np.float32]], NDArray[Any]]
"""Probabilities of a classifier, or values: shape (rows, classes or 1)."""


@dataclass
class Case:
    """A fitted model with rows to ask it with.

    Attributes:
        name: What it is.
        model: In scikit-learn.
        rows: float32; those of the data, and the neighbours of every threshold.
    """

    name: str
    model: Any
    rows: NDArray[np.float32]

    @property
    def classifies(self) -> bool:
        """Whether it has classes."""
        return hasattr(self.model, "classes_")

    def signature(self) -> Signature:
        """What the model takes and gives."""
        classes = [int(c) for c in self.model.classes_] if self.classifies else None
        return Signature(
            task=Task.CLASSIFICATION if self.classifies else Task.REGRESSION,
            inputs=[
                Field(name=f"x{i}", dtype=Dtype.FLOAT) for i in range(self.model.n_features_in_)
            ],
            output=Output(
                name="y",
                dtype=Dtype.INT if self.classifies else Dtype.FLOAT,
                classes=list(classes) if classes else None,
                probabilities=self.classifies,
            ),
        )


@dataclass
class Way:
    """One way to serve a model.

    Attributes:
        scores: Asks it.
        load_ms: From its bytes to the first answer.
        size: Bytes of its file.
        taken: Rows of a call to processor seconds of the calls.
    """

    scores: Scores
    load_ms: float
    size: int
    taken: dict[int, list[float]] = field(default_factory=lambda: {1: [], MANY: []})


def cases() -> list[Case]:
    """A small model of real data, and two of the size that boosting is used for."""
    cancer = load_breast_cancer()
    wide, kinds = make_classification(
        20_000, WIDTH, n_informative=15, n_classes=3, flip_y=0.05, random_state=0
    )
    told, values = make_regression(20_000, WIDTH, n_informative=15, noise=10, random_state=0)
    classifier, regressor = HistGradientBoostingClassifier, HistGradientBoostingRegressor
    return [
        _case("569 rows, 60 trees", classifier(max_iter=60), cancer.data, cancer.target),
        _case("20,000 rows, 3 classes, 600 trees", classifier(max_iter=200), wide, kinds),
        _case("20,000 rows, regression, 200 trees", regressor(max_iter=200), told, values),
    ]


def _case(name: str, model: Any, matrix: Any, target: Any) -> Case:
    rows = matrix.astype(np.float32)
    model.set_params(random_state=0).fit(rows, target)
    return Case(name, model, np.vstack([rows[:5000], _neighbours(model, rows)]))


def _neighbours(model: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows with a value at a threshold, just below and just above it, as 32 bits can tell."""
    nodes = np.concatenate([t.nodes for trees in model._predictors for t in trees])
    splits = nodes[nodes["is_leaf"] == 0]
    near = splits["num_threshold"].astype(np.float32)
    far = np.float32(np.inf)
    made = []
    for values in (near, np.nextafter(near, far), np.nextafter(near, -far)):
        asked = np.resize(rows, (len(values), rows.shape[1])).copy()
        asked[np.arange(len(values)), splits["feature_idx"]] = values
        made.append(asked)
    return np.vstack(made)


def _pipeline(case: Case) -> bytes:
    file = io.BytesIO()
    joblib.dump(make_pipeline(case.model), file)
    return file.getvalue()


def _served(case: Case, content: bytes, kind: type[SklearnRuntime | OnnxRuntime]) -> Way:
    began = time.process_time()
    runtime = kind.load(content, digest=digest_bytes(content), signature=case.signature())
    runtime.predict(case.rows[:1], None)
    load_ms = (time.process_time() - began) * 1000

    def scores(rows: NDArray[np.float32]) -> NDArray[Any]:
        first, found = runtime.predict(rows, None)
        return np.asarray(first).reshape(-1, 1) if found is None else np.asarray(found)

    return Way(scores, load_ms, len(content))


def _graph(case: Case, content: bytes) -> bytes:
    return export(content, digest=digest_bytes(content), signature=case.signature())[0]


def _interpreted(case: Case) -> Way:
    content = treelite.sklearn.import_model(case.model).serialize_bytes()
    began = time.process_time()
    model = treelite.Model.deserialize_bytes(content)

    def scores(rows: NDArray[np.float32]) -> NDArray[Any]:
        found = treelite.gtil.predict(model, rows.astype(np.float64), nthread=1)
        return _both(case, np.asarray(found).reshape(len(rows), -1))

    scores(case.rows[:1])
    return Way(scores, (time.process_time() - began) * 1000, len(content))


def _compiled(case: Case, folder: Path) -> Way:
    path = folder / "model.so"
    model = treelite.sklearn.import_model(case.model)
    tl2cgen.export_lib(model, toolchain="gcc", libpath=str(path), params={"parallel_comp": 8})
    began = time.process_time()
    predictor = tl2cgen.Predictor(str(path), nthread=1)

    def scores(rows: NDArray[np.float32]) -> NDArray[Any]:
        matrix = tl2cgen.DMatrix(np.ascontiguousarray(rows, np.float64), dtype="float64")
        return _both(case, np.asarray(predictor.predict(matrix)).reshape(len(rows), -1))

    scores(case.rows[:1])
    return Way(scores, (time.process_time() - began) * 1000, path.stat().st_size)


def _both(case: Case, found: NDArray[Any]) -> NDArray[Any]:
    """Of two classes Treelite gives the probability of the second alone."""
    return np.hstack([1 - found, found]) if case.classifies and found.shape[1] == 1 else found


def measure(case: Case, rounds: int) -> Report:
    """Ask all ways in turns."""
    content = _pipeline(case)
    with tempfile.TemporaryDirectory() as scratch:
        ways = {
            "joblib": _served(case, content, SklearnRuntime),
            "ONNX, our export": _served(case, _graph(case, content), OnnxRuntime),
            "Treelite, interpreted": _interpreted(case),
        }
        if shutil.which("gcc"):
            ways["Treelite, compiled"] = _compiled(case, Path(scratch))
        for turn in range(rounds):
            for way in ways.values():
                _ask(way, case.rows, turn)
        return _report(case, ways, rounds)


def _ask(way: Way, rows: NDArray[np.float32], turn: int) -> None:
    for count in [MANY, *[1] * ONES]:
        first = (turn * 131 + len(way.taken[1])) % (len(rows) - MANY)
        asked = rows[first : first + count]
        began = time.process_time()
        way.scores(asked)
        way.taken[count].append(time.process_time() - began)


def _report(case: Case, ways: dict[str, Way], rounds: int) -> Report:
    expected = ways["joblib"].scores(case.rows)
    figures = {name: _figures(case, way, expected) for name, way in ways.items()}
    return Report(
        title=f"Histogram gradient boosting, {case.name}: one thread, processor time, medians",
        notes=[
            f"Compared on {len(case.rows):,} rows: of the data, and at and beside every threshold.",
            f"{rounds} rounds in turns of 1 call of {MANY} rows, {ONES} of one.",
        ],
        columns=["", "other class", "largest diff.", "us, 1 row", "ms, 1,000", "load ms", "kB"],
        rows=[
            [
                name,
                f"{each['other_class']}",
                f"{each['difference']:.1e}",
                f"{each['one_row_us']:.1f}",
                f"{each['thousand_rows_ms']:.2f}",
                f"{each['load_ms']:.1f}",
                f"{each['bytes'] / 1000:.0f}",
            ]
            for name, each in figures.items()
        ],
        figures=figures,
    )


def _figures(case: Case, way: Way, expected: NDArray[Any]) -> dict[str, float]:
    found = way.scores(case.rows)
    scale = 1.0 if case.classifies else float(expected.std())
    other = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum()) if case.classifies else 0
    return {
        "other_class": other,
        "difference": float(np.abs(found - expected).max()) / scale,
        "one_row_us": float(np.median(way.taken[1])) * 1e6,
        "thousand_rows_ms": float(np.median(way.taken[MANY])) * 1e3,
        "load_ms": way.load_ms,
        "bytes": way.size,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    show([measure(case, given.rounds) for case in cases()], as_json=given.json)


if __name__ == "__main__":
    main()
