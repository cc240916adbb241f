"""Which libraries serve which models, and what the table says of those that do not."""

from __future__ import annotations

import pytest
from servery.domain.library_table import as_text, library_table, serves
from servery.domain.manifest import Runtime

HERE = {
    "python": "3.13.1",
    "onnxruntime": "1.31.1",
    "scikit-learn": "1.9.1",
    "numpy": "2.5.5",
    "lightgbm": "4.7.0",
}


@pytest.mark.parametrize(
    ("runtime", "library", "made_with", "fits", "ok"),
    [
        (Runtime.ONNX, "onnxruntime", "1.31.0", "1.31.*", True),
        (Runtime.ONNX, "onnxruntime", "1.30.9", "1.30.*", False),
        (Runtime.ONNX, "onnxruntime", "2.31.1", "2.31.*", False),
        (Runtime.JOBLIB, "scikit-learn", "1.9.1", "1.9.1", True),
        (Runtime.JOBLIB, "scikit-learn", "1.9.2", "1.9.2", False),
        (Runtime.JOBLIB, "python", "3.13.9", "3.13.*", True),
        (Runtime.JOBLIB, "python", "3.12.1", "3.12.*", False),
        (Runtime.JOBLIB, "numpy", "2.0.0", "2.*", True),
        (Runtime.JOBLIB, "numpy", "1.26.4", "1.*", False),
        (Runtime.JOBLIB, "lightgbm", "4.7.9", "4.7.*", True),
        (Runtime.JOBLIB, "xgboost", "3.4.1", "3.4.*", False),
    ],
)
def test_a_library_fits_when_the_parts_that_count_are_the_same(
    runtime, library, made_with, fits, ok
):
    table = library_table(runtime, {"scikit-learn": "1.9.1", library: made_with}, HERE)

    entry = next(entry for entry in table if entry.library == library)
    assert (entry.made_with, entry.here, entry.fits, entry.ok) == (
        made_with,
        HERE.get(library, "not there"),
        fits,
        ok,
    )
    assert serves(table) is ok


def test_only_what_computes_counts_when_a_graph_serves():
    made_with = {"onnxruntime": "1.31.1", "scikit-learn": "0.1", "numpy": "1.0", "python": "3.8.0"}
    assert serves(library_table(Runtime.ONNX, made_with, HERE))


def test_a_model_cannot_be_served_when_nobody_recorded_what_computes():
    table = library_table(Runtime.JOBLIB, {"numpy": "2.5.5"}, HERE)

    assert not serves(table)
    lines = [line.split("  ") for line in as_text(table).splitlines()]
    assert [cell.strip() for cell in lines[0] if cell] == ["library", "made with", "here", "fits"]
    assert as_text(table).splitlines()[1].split("  ")[0] == "scikit-learn"
    assert "not recorded" in as_text(table)
    assert "a new training" in as_text(table)
