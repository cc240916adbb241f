"""The scikit-learn pipeline that a spec describes: preprocessing by column, then the estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from servery.adapters.estimator_classes import check_kind, check_transforms, make
from servery.domain.estimators import check_estimator, check_transformer
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from servery.domain.spec import Column, ModelSpec, Step

_BY_TREES = ("lightgbm.", "sklearn.ensemble.", "sklearn.tree.", "xgboost.")


def build_pipeline(spec: ModelSpec) -> Pipeline:
    """The pipeline, not fitted.

    It takes the matrix of `sklearn_runtime.feature_matrix`: columns are chosen by position,
    numeric features first, then text, each in the order of the spec.

    Raises:
        InvalidSpecError: a class is not on the allow-list or not here, or does not take its
            parameters.
    """
    check_estimator(spec.task, spec.estimator.class_path)
    places = _places(spec)
    if spec.preprocessing == "auto":
        groups = _sensible(spec)
    else:
        groups = [
            ([_column(spec, name) for name in group.columns], _steps(group.steps, number))
            for number, group in enumerate(spec.preprocessing)
        ]
    transformers = [
        (
            f"group{number}",
            Pipeline(steps) if steps else "passthrough",
            [places[c.name] for c in columns],
        )
        for number, (columns, steps) in enumerate(groups)
    ]
    # No sparse output: the export computes with dense tensors.
    prepared = ColumnTransformer(transformers, sparse_threshold=0)
    return Pipeline([("preprocessing", prepared), ("estimator", _estimator(spec))])


def _places(spec: ModelSpec) -> dict[str, int]:
    numeric = [c.name for c in spec.features if c.dtype.numeric]
    text = [c.name for c in spec.features if not c.dtype.numeric]
    return {name: place for place, name in enumerate(numeric + text)}


def _column(spec: ModelSpec, name: str) -> Column:
    return next(c for c in spec.features if c.name == name)


def _sensible(spec: ModelSpec) -> list[tuple[list[Column], list[tuple[str, Any]]]]:
    """What is usual: impute what may be null, scale measures, one column for each category.

    Trees need no scale and take whole numbers as they are; so neither is done for them.
    """
    trees = spec.estimator.class_path.startswith(_BY_TREES)
    groups: dict[tuple[str, bool], list[Column]] = {}
    for column in spec.features:
        kind = _kind(column, trees=trees)
        # An empty text is its own category or none: nothing to impute.
        impute = column.nullable and column.dtype is not Dtype.STRING
        groups.setdefault((kind, impute), []).append(column)
    found = []
    for (kind, impute), columns in groups.items():
        steps: list[tuple[str, Any]] = []
        if impute:
            strategy = "median" if kind == "measure" else "most_frequent"
            steps.append(("impute", SimpleImputer(strategy=strategy, keep_empty_features=True)))
        if kind == "measure" and not trees:
            steps.append(("scale", StandardScaler()))
        if kind in ("text", "category", "code"):
            steps.append(("one_hot", _one_hot(columns)))
        found.append((columns, steps))
    return found


def _kind(column: Column, *, trees: bool) -> str:
    if column.dtype is Dtype.STRING:
        return "text" if column.categories is None else "category"
    if column.dtype is Dtype.INT and column.categories is not None and not trees:
        return "code"
    return "flag" if column.dtype is Dtype.BOOL else "measure"


def _one_hot(columns: list[Column]) -> OneHotEncoder:
    """One column for each category: those of the spec, or else those in the training rows."""
    named = [sorted(c.categories) for c in columns if c.categories is not None]
    return OneHotEncoder(categories=named or "auto", handle_unknown="ignore", sparse_output=False)


def _steps(steps: list[Step], group: int) -> list[tuple[str, Any]]:
    made = []
    for number, step in enumerate(steps):
        field = f"preprocessing[{group}].steps[{number}]"
        check_transformer(step.class_path, f"{field}.class")
        transformer = make(step, field)
        check_transforms(step, transformer, field)
        made.append((f"step{number}", transformer))
    return made


def _estimator(spec: ModelSpec) -> Any:  # noqa: ANN401 - untyped library
    estimator = make(spec.estimator, "estimator")
    check_kind(spec, estimator)
    known = estimator.get_params(deep=False)
    if "random_state" in known and "random_state" not in spec.estimator.params:
        estimator.set_params(random_state=spec.split.seed)
    if "n_jobs" in spec.estimator.params:
        estimator.set_params(n_jobs=1)  # what a pickle says holds in the server, which has one
    return estimator
