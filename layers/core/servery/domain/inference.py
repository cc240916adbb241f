"""A question to a model and its answer, between the bytes of a request and the model itself."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Form(StrEnum):
    """In which of the two forms a question came; the answer has the same."""

    RECORDS = "records"
    TENSORS = "tensors"


class Question(msgspec.Struct, frozen=True):
    """Rows that fit the signature.

    Attributes:
        form: How they were written.
        rows: How many there are, at least one.
        numeric: float32 of shape (rows, numeric inputs), nan where null; None without such inputs.
        text: str objects of shape (rows, text inputs), empty where null; None without such inputs.
        id: The caller's own name for the request, to be echoed.
        outputs: The tensors that the caller wants, in this order; empty for all.
    """

    form: Form
    rows: int
    numeric: NDArray[np.float32] | None
    text: NDArray[np.object_] | None
    id: str | None = None
    outputs: tuple[str, ...] = ()


class Prediction(msgspec.Struct, frozen=True):
    """What a model says about rows.

    Attributes:
        answers: Classes or values, shape (rows,); features, shape (rows, features).
        probabilities: Shape (rows, classes), or None.
    """

    answers: NDArray[np.generic]
    probabilities: NDArray[np.floating] | None


class AnswerContext(msgspec.Struct, frozen=True):
    """What an answer says about itself beside the predictions.

    Attributes:
        model: Name of the model.
        model_version: The version that answered.
        request_id: For correlation with logs.
        served_by: The route: `champion`, `version`, ...
        cache: What the prediction cache did: `off`, `hit` or `miss`.
        degraded: Whether a stand-in answered.
        pair: Id of the pair that the model is half of; empty for a whole model.
    """

    model: str
    model_version: str
    request_id: str
    served_by: str
    cache: str = "off"
    degraded: bool = False
    pair: str = ""
