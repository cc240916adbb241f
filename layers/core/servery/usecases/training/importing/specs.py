"""The spec of an imported model: what its owner, the sample and the model itself say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.guessed_columns import OUTPUT
from servery.domain.imports import estimator_of
from servery.domain.signature import Dtype, Task
from servery.domain.spec import Column, Role
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec
    from servery.usecases.training.importing.messages import OpenEvent

_METRIC = {Task.CLASSIFICATION: "accuracy", Task.REGRESSION: "rmse"}
_MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class Nature:
    """What a model is, as far as its file says.

    Attributes:
        task: Classification or regression.
        classes: In the order of the probabilities (classification).
        probabilities: Whether it gives one for each class.
    """

    task: Task
    classes: list[str | int | bool] | None = None
    probabilities: bool = False

    @property
    def dtype(self) -> Dtype:
        """What it answers."""
        if self.classes is None:
            return Dtype.FLOAT
        kinds = {type(value) for value in self.classes}
        if kinds == {bool}:
            return Dtype.BOOL
        return Dtype.INT if kinds == {int} else Dtype.STRING


def make_spec(event: OpenEvent, nature: Nature) -> tuple[ModelSpec, dict[str, Any]]:
    """The spec, read and as it is kept.

    Raises:
        InvalidSpecError: what the owner says does not hold together.
        InvalidInputError: the target in the sample is not what the model answers.
    """
    inspected = event.inspected
    columns = inspected.columns
    if not inspected.labelled:
        columns = [*columns, _predicted(event, nature)]
    target = next(column for column in columns if column.role is Role.TARGET)
    said = event.spec.get("task", nature.task.value)
    if said != nature.task.value:
        raise InvalidInputError(f"the spec says {said}, the model file does {nature.task}")
    if inspected.labelled:
        _check_target(target, nature)
    data = event.spec.get("data")
    plain = {
        **event.spec,
        "task": nature.task.value,
        "metric": event.spec.get("metric", _METRIC[nature.task]),
        "estimator": estimator_of(inspected.format, event.upload.model),
        "preprocessing": "auto",
        "data": {
            **(data if isinstance(data, dict) else {}),
            "uri": inspected.collect.source_uri,
            "format": "csv",
            "target": target.name,
            "columns": msgspec.to_builtins(columns),
        },
    }
    return read_spec(plain), plain


def check_known(classes: list[str | int | bool], target: list[Any]) -> None:
    """Refuse a sample with classes that the model does not know.

    Raises:
        InvalidInputError: there are some; the sentence names the model's.
    """
    if unknown := sorted({str(value) for value in set(target) - set(classes)}):
        raise InvalidInputError(
            f"the sample has classes that the model does not answer: {_listed(unknown)}; "
            f"it answers {_listed([str(value) for value in classes])}"
        )


def _predicted(event: OpenEvent, nature: Nature) -> Column:
    """The output, where the sample does not have it."""
    data = event.spec.get("data")
    name = str(data.get("target") or OUTPUT) if isinstance(data, dict) else OUTPUT
    if name in {column.name for column in event.inspected.columns}:
        raise InvalidInputError(
            f"the sample has a column {name!r}, which is what the output would be called; name the "
            "target with --target, or the column otherwise"
        )
    wishes = event.upload.wishes
    unit = wishes.units.get(OUTPUT) or wishes.unit or "1"
    return Column(name=name, dtype=nature.dtype, role=Role.TARGET, unit=unit)


def _check_target(target: Column, nature: Nature) -> None:
    answers = nature.dtype
    fits = target.dtype is answers or (
        nature.task is Task.REGRESSION and target.dtype in (Dtype.INT, Dtype.FLOAT)
    )
    if not fits:
        told = f": {_listed([str(c) for c in nature.classes])}" if nature.classes else ""
        raise InvalidInputError(
            f"the target {target.name!r} of the sample is {target.dtype}, the model answers "
            f"{answers}{told}"
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more
