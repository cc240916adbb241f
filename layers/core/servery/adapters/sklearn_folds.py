"""Fits scikit-learn pipelines to some rows and asks them for others; nothing of them is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from servery.adapters.sklearn_runtime import feature_matrix
from servery.adapters.sklearn_trainer import fit_pipeline
from servery.domain.signature import Task
from servery.errors import RejectedError
from servery.ports import Judged

if TYPE_CHECKING:
    from servery.domain.features import Features
    from servery.domain.spec import ModelSpec


def fit_and_ask(spec: ModelSpec, fitted: Features, held_out: Features) -> Judged:
    """Fit the pipeline of a spec and predict rows; see `FoldFitter`.

    Raises:
        RejectedError: scikit-learn refuses the parameters or the data; the sentence is its own.
    """
    pipeline, warnings = fit_pipeline(spec, fitted.numeric, fitted.text, fitted.target)
    matrix = feature_matrix(held_out.numeric, held_out.text)
    classifies = spec.task is Task.CLASSIFICATION
    try:
        with threadpool_limits(1):
            predicted = np.asarray(pipeline.predict(matrix)).reshape(-1)
            scored = classifies and hasattr(pipeline, "predict_proba")
            probabilities = pipeline.predict_proba(matrix) if scored else None
    except ValueError as error:
        raise RejectedError(f"{spec.estimator.class_path} refuses to predict: {error}") from error
    classes = pipeline.classes_.tolist() if classifies else None
    return Judged(classes, predicted, probabilities, warnings)
