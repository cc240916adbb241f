"""Train: fit the pipeline of the spec on the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from servery.domain.digest import digest_bytes
from servery.domain.features import features, signature
from servery.domain.spec_rules import read_spec
from servery.usecases.training import keys
from servery.usecases.training.messages import Trained, TrainEvent
from servery.usecases.training.reports import TrainReport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servery.domain.columns import DataSets
    from servery.domain.spec import ModelSpec
    from servery.ports import ObjectStore

_MOST_WARNINGS = 5


class Fitted(Protocol):
    """A fitted pipeline."""

    @property
    def content(self) -> bytes:
        """The joblib file."""
        ...

    @property
    def classes(self) -> list[str | int | bool] | None:
        """Its classes in the order of the probabilities (classification)."""
        ...

    @property
    def probabilities(self) -> bool:
        """Whether it gives probabilities."""
        ...

    @property
    def libraries(self) -> dict[str, str]:
        """Name to version of what it was made with."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What the libraries said about the fit."""
        ...

    @property
    def features(self) -> list[str] | None:
        """Names of what the preprocessing gives (a pair only)."""
        ...


class Trainer(Protocol):
    """Fits pipelines."""

    def __call__(
        self,
        spec: ModelSpec,
        numeric: NDArray[np.float32] | None,
        text: NDArray[np.object_] | None,
        target: NDArray[Any],
    ) -> Fitted:
        """Build the pipeline of a spec and fit it; `RejectedError` where it cannot be fitted."""
        ...


def train(
    event: TrainEvent, *, store: ObjectStore, datasets: DataSets, trainer: Trainer
) -> Trained:
    """Fit and store the pipeline, with the digest without which nobody unpickles it.

    Raises:
        RejectedError: scikit-learn takes neither the parameters nor the data; its own sentence.
    """
    spec = read_spec(event.spec)
    key = keys.split(event.collect.dataset, event.preprocess.split, "train.npz")
    columns = datasets.read(key)
    rows = features(spec, columns)
    fitted = trainer(spec, rows.numeric, rows.text, rows.target)
    report = TrainReport(
        signature=signature(spec, columns, fitted.classes, probabilities=fitted.probabilities),
        libraries=fitted.libraries,
        features=fitted.features,
    )
    store.put(keys.training(event.training_id, "model.joblib"), fitted.content)
    store.put(keys.training(event.training_id, "train.json"), msgspec.json.encode(report))
    return Trained(
        digest=digest_bytes(fitted.content),
        warnings=[text[:500] for text in fitted.warnings[:_MOST_WARNINGS]],
    )
