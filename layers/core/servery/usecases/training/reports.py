"""What a step writes beside the training for the steps behind it."""

from __future__ import annotations

import msgspec

from servery.domain.baseline import CategoricalBaseline, NumericBaseline
from servery.domain.manifest import Parity, Runtime, RuntimeFigures, Sample
from servery.domain.signature import Signature


class TrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """`train.json`: what the later steps need to know of a fitted pipeline."""

    signature: Signature
    libraries: dict[str, str]


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """`export.json`: the part of the manifest that the export knows."""

    runtime: Runtime
    runtime_reason: str
    libraries: dict[str, str]
    figures: dict[str, RuntimeFigures]
    parity: Parity
    sample: Sample


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation.json`: the figures, and what the model answered, for the baseline."""

    metrics: dict[str, float]
    predictions: NumericBaseline | CategoricalBaseline
