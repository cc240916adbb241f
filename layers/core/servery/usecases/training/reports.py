"""What a step writes beside the training for the steps behind it."""

from __future__ import annotations

import msgspec

from servery.domain.baseline import CategoricalBaseline, NumericBaseline
from servery.domain.manifest import Parity, Runtime, RuntimeFigures, Sample
from servery.domain.signature import Signature


class TrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """`train.json`: what the later steps need to know of a fitted pipeline.

    Attributes:
        signature: What it takes and gives.
        libraries: Name to version of what it was made with.
        features: Names of what its preprocessing gives (a pair only).
    """

    signature: Signature
    libraries: dict[str, str]
    features: list[str] | None = None


class HalfReport(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a pair: what it takes and gives, its file, its figures, its sample."""

    signature: Signature
    digest: str
    figures: dict[str, RuntimeFigures]
    sample: Sample


class PairReport(msgspec.Struct, frozen=True, kw_only=True):
    """The halves of a pair, and the features of the training rows between them."""

    preprocessor: HalfReport
    predictor: HalfReport
    features: dict[str, NumericBaseline]


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """`export.json`: the part of the manifest that the export knows.

    Of a pair, figures and sample are those of the predictor; both halves are in `pair`.
    """

    runtime: Runtime
    runtime_reason: str
    libraries: dict[str, str]
    figures: dict[str, RuntimeFigures]
    parity: Parity
    sample: Sample
    pair: PairReport | None = None


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation.json`: the figures, and what the model answered, for the baseline."""

    metrics: dict[str, float]
    predictions: NumericBaseline | CategoricalBaseline
