"""Where the files of a training lie in the artifacts bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.manifest import Part
    from servery.domain.pipeline_spec import StepName


def dataset(digest: str, filename: str) -> str:
    """A file of a data set: `data.npz`, `dataset.json`, `rejects.csv`."""
    return f"datasets/{digest}/{filename}"


def split(dataset_digest: str, split_digest: str, filename: str) -> str:
    """A file of a split: `train.npz`, `test.npz`, `baseline-{digest}.json`."""
    return f"datasets/{dataset_digest}/{split_digest}/{filename}"


def training(training_id: str, filename: str) -> str:
    """A file that a step leaves for the next ones."""
    return f"trainings/{training_id}/{filename}"


def half(training_id: str, part: Part) -> str:
    """The model file of one half of a pair, before it is registered."""
    return training(training_id, f"{part}.onnx")


def artifact(model: str, version: str, name: str) -> str:
    """The prefix of a registered artifact."""
    return f"models/{model}/{version}/{name}"


def step(training_id: str, name: StepName) -> str:
    """What became of a step of a training."""
    return training(training_id, f"steps/{name}.json")


def memo(name: StepName, digest: str) -> str:
    """What a step made, under the digest of everything that decides it."""
    return f"steps/{name}/{digest}.json"


def chain(name: StepName, model: str) -> str:
    """The last output of a step for a model."""
    return f"steps/{name}/last/{model}.json"
