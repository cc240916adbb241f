"""A proven graph as a pair: cut at its features, and proven once more to be the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.features import record
from servery.domain.manifest import Part, Runtime, Sample
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.errors import RejectedError, ServeryError
from servery.usecases.training.case import load, measure
from servery.usecases.training.messages import Exported
from servery.usecases.training.pair_proof import check_nulls, check_same, features_of, travelled
from servery.usecases.training.proof import TOLERANCE, ask, choose_sample, make_sample
from servery.usecases.training.reports import ExportReport, HalfReport, PairReport
from servery.usecases.training.statistics import describe_features

if TYPE_CHECKING:
    from servery.domain.features import Features
    from servery.domain.manifest import Parity
    from servery.usecases.training.case import Case, Loaded

_OF_THE_LARGEST = 1e-5


@dataclass(frozen=True, slots=True)
class Pair:
    """The halves of a pair.

    Attributes:
        files: The model file of each.
        halves: What is reported of them.
        reason: What both say about their runtime.
    """

    files: dict[Part, bytes]
    halves: PairReport
    reason: str

    def exported(self) -> Exported:
        """What the step hands on."""
        return Exported(
            runtime=Runtime.ONNX,
            runtime_reason=self.reason,
            digest=self.halves.predictor.digest,
            preprocessor=self.halves.preprocessor.digest,
            size_bytes=sum(len(content) for content in self.files.values()),
        )

    def report(self, parity: Parity, libraries: dict[str, str]) -> ExportReport:
        """What the step leaves behind."""
        predictor = self.halves.predictor
        return ExportReport(
            runtime=Runtime.ONNX,
            runtime_reason=self.reason,
            libraries=libraries,
            figures=predictor.figures,
            parity=parity,
            sample=predictor.sample,
            pair=self.halves,
        )


def make_pair(case: Case, graph: Loaded, *, names: list[str], seen: Features) -> Pair:
    """Cut a graph in two and prove that the halves together give its answers bit for bit.

    They are compared on every row, held out or trained on, with the features written out in
    between as they travel.

    Args:
        case: What is exported.
        graph: The graph that passed the proof.
        names: Of the features.
        seen: The rows that were trained on.

    Raises:
        RejectedError: it cannot be cut exactly, or a feature may be no finite number.
    """
    try:
        return _make(case, graph, names, seen)
    except ServeryError as error:
        raise refusal(case, str(error)) from error


def refusal(case: Case, reason: str) -> RejectedError:
    """Why a model cannot be had as a pair."""
    return RejectedError(f"{case.spec.name} cannot be a pair: {reason}; leave out `pair`")


def _make(case: Case, graph: Loaded, names: list[str], seen: Features) -> Pair:
    prepares, predicts = _prepares(case, names), _predicts(case, names)
    files = case.tools.cut(graph.content, features=len(names))
    preprocessor, predictor = (
        load(case.tools, Runtime.ONNX, content, digest_bytes(content), signature)
        for content, signature in zip(files, (prepares, predicts), strict=True)
    )
    check_nulls(preprocessor.model, case.spec, case.rows, names)
    for rows in (case.rows, seen):
        check_same(graph.model, preprocessor.model, predictor.model, rows, names)
    trained = features_of(preprocessor.model, seen, names)
    held = features_of(preprocessor.model, case.rows, names)
    samples = _samples(case, graph, predictor, held, names)
    proven = len(case.rows.target) + len(seen.target)
    return Pair(
        files={Part.PREPROCESSOR: preprocessor.content, Part.PREDICTOR: predictor.content},
        halves=PairReport(
            preprocessor=_report(case, preprocessor, prepares, case.rows, samples[0]),
            predictor=_report(case, predictor, _with_examples(predicts, trained), held, samples[1]),
            features=describe_features(names, trained.matrix),
        ),
        reason="served by onnxruntime: the two halves of the pair together answer as the whole "
        f"does, bit for bit on {proven} rows",
    )


def _prepares(case: Case, names: list[str]) -> Signature:
    output = Output(name="features", dtype=Dtype.FLOAT, features=names)
    return Signature(task=Task.PREPROCESSING, inputs=case.signature.inputs, output=output)


def _predicts(case: Case, names: list[str]) -> Signature:
    inputs = [Field(name=name, dtype=Dtype.FLOAT) for name in names]
    return Signature(task=case.signature.task, inputs=inputs, output=case.signature.output)


def _with_examples(signature: Signature, trained: Features) -> Signature:
    """The signature with the median of each feature that was trained on, a value that is there."""
    matrix = np.sort(trained.matrix, axis=0)
    (middle,) = travelled(matrix[(len(matrix) - 1) // 2][np.newaxis])
    inputs = [
        msgspec.structs.replace(field, example=value)
        for field, value in zip(signature.inputs, middle, strict=True)
    ]
    return msgspec.structs.replace(signature, inputs=inputs)


def _samples(
    case: Case, graph: Loaded, predictor: Loaded, held: Features, names: list[str]
) -> tuple[Sample, Sample]:
    """The same rows for both halves, with the features as answers and as questions."""
    picked = choose_sample(ask(graph.model, case.rows))
    rows = held.take(np.array(picked, dtype=np.intp))
    written = travelled(rows.matrix)
    tolerance = max(TOLERANCE, _OF_THE_LARGEST * float(np.abs(held.matrix).max()))
    prepares = Sample(
        records=[record(case.spec, case.columns, row) for row in picked],
        scores=written,
        tolerance=tolerance,
    )
    records = [dict(zip(names, row, strict=True)) for row in written]
    answers = ask(predictor.model, rows)
    return prepares, make_sample(case.spec, records, answers, scale=case.scale)


def _report(
    case: Case, half: Loaded, signature: Signature, rows: Features, sample: Sample
) -> HalfReport:
    return HalfReport(
        signature=signature,
        digest=half.digest,
        figures={Runtime.ONNX.value: measure(case.tools, half, rows)},
        sample=sample,
    )
