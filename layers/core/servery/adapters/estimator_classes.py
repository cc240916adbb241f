"""The classes behind the paths of the allow-list, and the versions of what they come from."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor

from servery.adapters.source_digest import package_digest
from servery.domain.own_classes import own_classes
from servery.domain.signature import Task
from servery.errors import InvalidSpecError, Violation

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec, Step

BOOSTING = ("lightgbm", "xgboost")
"""Packages of the layer `boosting`, which a deploy may do without."""
# One thread gives the same model on every machine; LightGBM talks unless it is told not to.
_SETTLED = {
    "lightgbm": {"n_jobs": 1, "verbose": -1, "deterministic": True, "force_row_wise": True},
    "xgboost": {"n_jobs": 1},
}
_LABELLED = "xgboost.XGBClassifier"


def make(step: Step, field: str) -> Any:  # noqa: ANN401 - untyped libraries
    """An object of a class that the allow-list has let pass.

    Args:
        step: Its class and parameters.
        field: Where the spec says it, for the sentence.

    Raises:
        InvalidSpecError: the class is not here, or does not take its parameters.
    """
    package = step.class_path.partition(".")[0]
    maker = _find(step.class_path, field)
    params = step.params
    if package in BOOSTING:
        _check_known(maker, params, field)  # they take any other for a setting of the library
        params = {**params, **_SETTLED[package]}
    try:
        return maker(**params)
    except TypeError as error:
        raise InvalidSpecError(
            f"{field}.params: {error}", (Violation(f"{field}.params", str(error)),)
        ) from error


def check_kind(spec: ModelSpec, estimator: object) -> None:
    """Let an estimator of the user's own pass only when it is one for the task.

    Raises:
        InvalidSpecError: it is not.
    """
    fits = is_classifier if spec.task is Task.CLASSIFICATION else is_regressor
    if spec.estimator.class_path in own_classes() and not fits(estimator):
        raise _refused("estimator", f"{spec.estimator.class_path} does no {spec.task}")


def check_transforms(step: Step, made: object, field: str) -> None:
    """Let a step of the user's own pass only when it transforms.

    Raises:
        InvalidSpecError: it does not.
    """
    if step.class_path in own_classes() and not callable(getattr(made, "transform", None)):
        raise _refused(field, f"{step.class_path} is no transformer")


def extra_libraries(spec: ModelSpec) -> dict[str, str]:
    """Versions of what a spec's classes come from beyond scikit-learn.

    The version of a package of the user's own is a digest of its sources.
    """
    steps = [] if spec.preprocessing == "auto" else [s for g in spec.preprocessing for s in g.steps]
    paths = {spec.estimator.class_path, *(step.class_path for step in steps)}
    own = {path.partition(".")[0] for path in paths & own_classes()}
    boosting = {path.partition(".")[0] for path in paths} & set(BOOSTING)
    found = {package: _version(package) for package in sorted(boosting)}
    if boosting:
        found["onnxmltools"] = version("onnxmltools")
    return found | {package: package_digest(package)[:16] for package in sorted(own)}


def _version(package: str) -> str:
    return str(importlib.import_module(package).__version__)


def _find(class_path: str, field: str) -> Any:  # noqa: ANN401
    module, _, name = class_path.rpartition(".")
    if class_path == _LABELLED:
        module, name = "servery.adapters.xgboost_labels", "LabelledXGBClassifier"
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, OSError) as error:
        package = class_path.partition(".")[0]
        missing = f"{class_path} is not in this stack ({error})"
        if package in BOOSTING:
            missing += "; deploy it with the parameter Boosting=true"
        raise _refused(field, missing) from error
    if class_path in own_classes() and not (
        isinstance(found, type) and issubclass(found, BaseEstimator)
    ):
        raise _refused(field, f"{class_path} is no class with scikit-learn's BaseEstimator")
    return found


def _check_known(maker: Any, params: dict[str, Any], field: str) -> None:  # noqa: ANN401
    unknown = sorted(params.keys() - maker().get_params().keys())
    if unknown:
        raise _refused(f"{field}.params.{unknown[0]}", f"{maker.__name__} has no such parameter")


def _refused(field: str, message: str) -> InvalidSpecError:
    return InvalidSpecError(f"{field}: {message}", (Violation(field, message),))
