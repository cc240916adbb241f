"""What the two halves of a pair take from whom, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.manifest import ModelRef, Part, Runtime, pair_id
from servery.domain.signature import Task
from servery.errors import ArtifactError, InvalidInputError, PairMismatchError

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest, Pair

PAIR_HEADER = "x-pair"
"""The header that says of which pair the features of a request are, and an answer's too."""


def check_pair(ref: ModelRef, pair: Pair | None, given: str) -> None:
    """Let pass only inputs that a model was trained for.

    Args:
        ref: The model that is asked.
        pair: With what it works together; None for a whole model.
        given: Id of the pair whose features the inputs are; empty where they are none.

    Raises:
        PairMismatchError: they are the features of another pair.
        InvalidInputError: they should be features, and nothing says whose.
    """
    if given == ref.pair or (ref.part is Part.PREPROCESSOR and not given):
        return
    if given:
        raise PairMismatchError(
            f"the request is for the pair {given}, and {ref.model} {ref.version} "
            + (f"is half of the pair {ref.pair}" if ref.pair else "is half of none")
        )
    partner = pair.partner if pair is not None else "its other half"
    raise InvalidInputError(
        f"{ref.model} predicts from the features of the preprocessor {partner}: ask that one "
        f"first, and send its features with the header {PAIR_HEADER} of its answer; or ask a "
        "graph of both"
    )


def check_direct(ref: ModelRef) -> None:
    """Let pass only models that can be asked in jobs and batches: whole ones.

    Raises:
        InvalidInputError: it is half of a pair.
    """
    if ref.part is not None:
        raise InvalidInputError(
            f"{ref.model} is the {ref.part.value} of a pair and answers neither jobs nor batches; "
            "ask a graph of both halves as a job: POST /v2/graphs/{graph}/jobs"
        )


def check_manifest(ref: ModelRef, manifest: Manifest) -> None:
    """Let pass only a manifest whose pair is the one that the files and the reference say.

    Raises:
        ArtifactError: the id is not that of the two files, the digest not that of its own file,
            the reference is one of another half, another pair, or a whole model, or the runtime
            or the task cannot be those of a half.
    """
    pair = manifest.pair
    name = f"{ref.model} {ref.version}"
    if pair is None:
        if ref.part is not None or ref.pair:
            raise ArtifactError(f"{name} is a whole model and no half of the pair {ref.pair}")
        return
    if pair.id != pair_id(pair.preprocessor, pair.predictor):
        raise ArtifactError(f"the pair {pair.id} of {name} is not that of the two files it names")
    if pair.own != ref.digest:
        raise ArtifactError(f"the pair of {name} names another {pair.part.value} than this file")
    if (pair.part, pair.id) != (ref.part, ref.pair):
        said = f"the {ref.part.value} of {ref.pair}" if ref.part is not None else "a whole model"
        raise ArtifactError(f"{name} is the {pair.part.value} of {pair.id}, and not {said}")
    prepares = manifest.signature.task is Task.PREPROCESSING
    if ref.runtime is not Runtime.ONNX or prepares != (pair.part is Part.PREPROCESSOR):
        raise ArtifactError(f"{name} cannot be the {pair.part.value} of a pair")
