"""Fits scikit-learn pipelines."""

from __future__ import annotations

import io
import platform
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_limits

from servery.adapters.estimator_classes import BOOSTING, extra_libraries
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.adapters.sklearn_runtime import feature_matrix
from servery.domain.feature_names import column_names
from servery.errors import InvalidInputError, RejectedError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from servery.domain.spec import ModelSpec

_MOST_CATEGORIES = 1000
_GROUP = re.compile(r"^group[0-9]+__")
# Below it threads cost more than they give: boosting 332 rows took 2.9 s with two threads on a
# busy machine, 0.07 s with one.
_FEW_CELLS = 2_000_000
# What parameters or data bring about that no other attempt would cure.
_REFUSALS = (ValueError, TypeError, ArithmeticError, LookupError, MemoryError)


@dataclass(frozen=True, slots=True)
class SklearnFit:
    """A fitted pipeline as a joblib file; see `Fitted` in the use case."""

    content: bytes
    classes: list[str | int | bool] | None
    probabilities: bool
    libraries: dict[str, str]
    warnings: list[str] = field(default_factory=list)
    features: list[str] | None = None


def fit(
    spec: ModelSpec,
    numeric: NDArray[np.float32] | None,
    text: NDArray[np.object_] | None,
    target: NDArray[Any],
) -> SklearnFit:
    """Build the pipeline of a spec and fit it.

    Raises:
        RejectedError: scikit-learn refuses the parameters or the data; the sentence is its own.
    """
    pipeline, told = fit_pipeline(spec, numeric, text, target)
    content = io.BytesIO()
    joblib.dump(pipeline, content)
    classifies = spec.task == "classification"
    return SklearnFit(
        content=content.getvalue(),
        classes=pipeline.classes_.tolist() if classifies else None,
        probabilities=classifies and hasattr(pipeline, "predict_proba"),
        libraries=libraries(spec),
        warnings=told,
        features=None if spec.pair is None else _feature_names(spec, pipeline),
    )


def fit_pipeline(
    spec: ModelSpec,
    numeric: NDArray[np.float32] | None,
    text: NDArray[np.object_] | None,
    target: NDArray[Any],
) -> tuple[Pipeline, list[str]]:
    """The fitted pipeline of a spec, and what the libraries warned of.

    Raises:
        RejectedError: scikit-learn refuses the parameters or the data; the sentence is its own.
    """
    _check_categories(spec, text)
    pipeline = build_pipeline(spec)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            matrix = feature_matrix(numeric, text)
            with threadpool_limits(1 if matrix.size < _FEW_CELLS else None):
                pipeline.fit(matrix, _target(target))
        except Exception as error:
            if not _refuses(error):
                raise
            raise RejectedError(f"{spec.estimator.class_path} refuses to fit: {error}") from error
    return pipeline, sorted({f"{w.category.__name__}: {w.message}" for w in caught})


def _refuses(error: Exception) -> bool:
    """Whether no other attempt would cure it; LightGBM's own error has no root but Exception."""
    return isinstance(error, _REFUSALS) or type(error).__module__.startswith(BOOSTING)


def libraries(spec: ModelSpec) -> dict[str, str]:
    """Versions of what the fitted pipeline of a spec depends on."""
    return {**usual_libraries(), **extra_libraries(spec)}


def usual_libraries() -> dict[str, str]:
    """Versions of what every fitted pipeline depends on."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "joblib": joblib.__version__,
    }


def _feature_names(spec: ModelSpec, pipeline: Any) -> list[str]:  # noqa: ANN401 - untyped library
    """What the preprocessing gives, by the names of the columns that it is made of."""
    columns = sorted(spec.features, key=lambda column: not column.dtype.numeric)
    names = pipeline[:-1].get_feature_names_out([column.name for column in columns])
    return column_names(_GROUP.sub("", str(name)) for name in names)


def _target(target: NDArray[Any]) -> NDArray[Any]:
    return target.astype(str) if target.dtype == np.object_ else target


def _check_categories(spec: ModelSpec, text: NDArray[np.object_] | None) -> None:
    names = [c.name for c in spec.features if not c.dtype.numeric]
    for name, values in zip(names, [] if text is None else text.T, strict=True):
        distinct = len(set(values.tolist()))
        if distinct > _MOST_CATEGORIES:
            raise InvalidInputError(
                f"{name} has {distinct} different texts, more than {_MOST_CATEGORIES}: it is no "
                "category; give it the role id or ignored"
            )
