"""The metrics that a model can be judged by, and which way is better."""

from __future__ import annotations

from servery.domain.signature import Task

HIGHER_IS_BETTER = {
    Task.CLASSIFICATION: {
        "accuracy": True,
        "balanced_accuracy": True,
        "f1_macro": True,
        "log_loss": False,
        "roc_auc": True,
    },
    Task.REGRESSION: {
        "mae": False,
        "max_error": False,
        "r2": True,
        "rmse": False,
    },
}


def higher_is_better(task: Task, metric: str) -> bool:
    """Whether more of a metric is better; `KeyError` for a metric that the task does not have."""
    return HIGHER_IS_BETTER[task][metric]
