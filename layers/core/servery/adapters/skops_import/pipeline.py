"""Pipelines out of skops files, pickled here."""

from __future__ import annotations

import io
import warnings

import joblib
import skops.io
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from servery.adapters.fitted_elsewhere import FittedElsewhere, describe
from servery.adapters.skops_import.allowed import trusted
from servery.adapters.skops_import.archive import open_archive, read_schema
from servery.adapters.skops_import.native import check_native
from servery.adapters.skops_import.schema import check_schema
from servery.errors import MalformedError, UnsupportedMediaError


def read_skops(content: bytes) -> FittedElsewhere:
    """Build the pipeline in a skops file, once all of the file has been looked at.

    Raises:
        MalformedError: the file is broken, or its parts do not fit each other.
        UnsupportedMediaError: something in it is not on the allow-list, or it was made with
            another version of scikit-learn.
    """
    with open_archive(content) as archive:
        check_schema(read_schema(archive), archive)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            built = skops.io.loads(content, trusted=trusted())
        except InconsistentVersionWarning as warning:
            raise UnsupportedMediaError(
                f"the model was made with scikit-learn {warning.original_sklearn_version}, here "
                f"is {warning.current_sklearn_version}; export it to ONNX and import that"
            ) from warning
        except Exception as error:  # skops and what it builds raise whatever they like
            raise MalformedError(
                f"the skops file cannot be built: {type(error).__name__}: {str(error)[:200]}"
            ) from error
    if not isinstance(built, BaseEstimator):
        raise UnsupportedMediaError("there is no estimator in the skops file")
    check_native(built)
    found = describe(built)
    pickled = io.BytesIO()
    joblib.dump(found.pipeline, pickled)
    return found.with_content(pickled.getvalue())
