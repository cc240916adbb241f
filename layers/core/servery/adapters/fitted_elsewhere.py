"""Fitted pipelines that were not fitted here, and what they say about themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from servery.adapters.sklearn_trainer import usual_libraries
from servery.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class FittedElsewhere:
    """A pipeline out of a foreign file; see `ForeignPipeline` in the use case.

    Attributes:
        pipeline: The pipeline, whose last step is the estimator.
        classifies: Whether it answers with a class.
        classes: Its classes in the order of the probabilities (classification).
        probabilities: Whether it gives probabilities.
        libraries: Name to version of what it depends on here.
        content: The joblib file of it.
    """

    pipeline: Any
    classifies: bool
    classes: list[str | int | bool] | None
    probabilities: bool
    libraries: dict[str, str]
    content: bytes = b""

    def with_content(self, content: bytes) -> FittedElsewhere:
        """The same with the file of it."""
        return replace(self, content=content)


def describe(model: Any) -> FittedElsewhere:  # noqa: ANN401 - untyped library
    """What a model says about itself; an estimator alone becomes a pipeline of one step.

    Raises:
        InvalidInputError: it neither classifies nor regresses, or was not fitted.
    """
    pipeline = model if isinstance(model, Pipeline) else Pipeline([("estimator", model)])
    try:
        classifies = bool(is_classifier(pipeline))
        predicts = classifies or bool(is_regressor(pipeline))
        check_is_fitted(pipeline)
        classes = np.asarray(pipeline.classes_).tolist() if classifies else None
    except Exception as error:  # whatever half an estimator raises
        raise InvalidInputError(
            f"the model is not whole, or was not fitted: {str(error)[:200]}"
        ) from error
    if not predicts:
        raise InvalidInputError("the model is neither a classifier nor a regressor")
    if classes is not None and not all(type(c) in (str, int, bool) for c in classes):
        raise InvalidInputError("the classes of the model are no text, whole numbers or bools")
    return FittedElsewhere(
        pipeline=pipeline,
        classifies=classifies,
        classes=classes,
        probabilities=classifies and hasattr(pipeline, "predict_proba"),
        libraries=usual_libraries(),
    )
