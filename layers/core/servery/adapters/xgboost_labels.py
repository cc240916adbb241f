"""XGBoost's classifier for classes of any kind; its own takes 0, 1, 2 and so on alone."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import xgboost

Untyped: TypeAlias = Any  # of XGBoost


class LabelledXGBClassifier(xgboost.XGBClassifier):
    """`xgboost.XGBClassifier` that is fitted to numbers and answers with the classes.

    Attributes:
        labels_: The classes, sorted; that of number 0 first.
    """

    def fit(self, X: Untyped, y: Untyped, **more: Untyped) -> LabelledXGBClassifier:  # noqa: N803
        """Fit to the numbers of the classes."""
        self.__dict__.pop("labels_", None)
        labels, numbers = np.unique(np.asarray(y), return_inverse=True)
        super().fit(X, numbers, **more)
        self.labels_ = labels
        return self

    @property
    def classes_(self) -> Untyped:
        """The classes in the order of the probabilities; their numbers while it is fitted."""
        return getattr(self, "labels_", super().classes_)

    def predict(self, X: Untyped, **more: Untyped) -> Untyped:  # noqa: N803
        """The class of each row."""
        return self.labels_[np.asarray(super().predict(X, **more)).astype(np.intp)]
