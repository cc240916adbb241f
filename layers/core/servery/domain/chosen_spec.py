"""A model spec with a candidate in the place of its estimator."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.spec import ColumnSteps, ModelSpec, Step


def chosen_spec(
    spec: ModelSpec, class_path: str, params: dict[str, Any], preprocessing: object = None
) -> ModelSpec:
    """The spec with another estimator, and another preprocessing where one is given.

    Raises:
        msgspec.ValidationError: the preprocessing is none.
    """
    changes: dict[str, Any] = {"estimator": Step(class_path=class_path, params=params)}
    if preprocessing is not None:
        changes["preprocessing"] = (
            "auto"
            if preprocessing == "auto"
            else msgspec.convert(preprocessing, list[ColumnSteps], strict=True)
        )
    return msgspec.structs.replace(spec, **changes)


def chosen_text(
    spec: dict[str, Any], class_path: str, params: dict[str, Any], preprocessing: object = None
) -> dict[str, Any]:
    """The same for a spec as it was written."""
    changed = {**spec, "estimator": {"class": class_path, "params": params}}
    return changed if preprocessing is None else {**changed, "preprocessing": preprocessing}
