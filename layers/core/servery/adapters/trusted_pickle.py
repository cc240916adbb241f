"""Pickles that somebody trusts by name. To open one is to run it: it is the owner's own code."""

from __future__ import annotations

import io
import warnings

import joblib
from sklearn.exceptions import InconsistentVersionWarning

from servery.adapters.fitted_elsewhere import FittedElsewhere, describe
from servery.errors import MalformedError, UnsupportedMediaError


def read_trusted(content: bytes) -> FittedElsewhere:
    """Open a joblib file whose owner has said that it may run; it serves as it is.

    Raises:
        MalformedError: it cannot be opened.
        UnsupportedMediaError: it was made with another version of scikit-learn, or needs what is
            not here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            model = joblib.load(io.BytesIO(content))
        except InconsistentVersionWarning as warning:
            raise UnsupportedMediaError(
                f"the model was made with scikit-learn {warning.original_sklearn_version}, here "
                f"is {warning.current_sklearn_version}; export it to ONNX and import that"
            ) from warning
        except (ImportError, AttributeError) as error:
            raise UnsupportedMediaError(f"the model needs what is not here: {error}") from error
        except Exception as error:  # a pickle raises whatever it likes
            raise MalformedError(f"the model file cannot be read: {str(error)[:200]}") from error
    return describe(model).with_content(content)
