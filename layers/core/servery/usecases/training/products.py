"""What a training becomes: one model, or the two halves of a pair with the same data and split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from servery.domain.baseline import Baseline
from servery.domain.digest import check_digest, digest_value
from servery.domain.identity import Identity
from servery.domain.manifest import Pair, Part, RuntimeFigures, Sample, pair_id
from servery.domain.signature import Signature
from servery.domain.spec_rules import read_spec
from servery.usecases.training import keys
from servery.usecases.training.reports import EvaluationReport, ExportReport, TrainReport

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec
    from servery.ports import ObjectStore
    from servery.usecases.training.messages import RegisterEvent
    from servery.usecases.training.reports import HalfReport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Code:
    """Which code made a model.

    Attributes:
        library: Digest of the whole library, for the lineage.
        training: Digest of the part that decides what a model is: raises Z when it changes.
    """

    library: str
    training: str


@dataclass(frozen=True, slots=True)
class Product:
    """One artifact that a training gives.

    Attributes:
        model: The name under which it is registered.
        description: For people.
        source: Key of its model file beside the training.
        digest: SHA-256 (hex) of that file.
        signature: What it takes and gives.
        figures: Runtime to its measured figures.
        sample: Of its readiness check.
        baseline: What later rows are compared with.
        identity: What its version is made of.
        pair: With what it works together; None for a whole model.
    """

    model: str
    description: str
    source: str
    digest: str
    signature: Signature
    figures: dict[str, RuntimeFigures]
    sample: Sample
    baseline: Baseline
    identity: Identity
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """Everything that a training made.

    Attributes:
        event: The state of the training.
        spec: What was trained.
        exported: What the export said.
        products: The model; of a pair the preprocessor, then the predictor.
        code: Which code made it.
        now: ISO 8601, UTC.
    """

    event: RegisterEvent
    spec: ModelSpec
    exported: ExportReport
    products: list[Product]
    code: Code
    now: str


def read_products(event: RegisterEvent, store: ObjectStore, code: Code, now: str) -> Made:
    """Put together what the earlier steps left.

    Raises:
        ArtifactError: a file of theirs is missing or has changed.
    """
    exported = _read(store, event.exported_by, "export.json", ExportReport)
    trained = _read(store, event.trained_by, "train.json", TrainReport)
    made = Made(event, read_spec(event.spec), exported, [], code, now)
    baseline = _baseline(store, event)
    if exported.pair is None:
        made.products.append(_whole(made, trained.signature, baseline))
    else:
        pair = exported.pair
        made.products.append(_half(made, Part.PREPROCESSOR, pair.preprocessor, baseline))
        made.products.append(_half(made, Part.PREDICTOR, pair.predictor, baseline))
    return made


def _whole(made: Made, signature: Signature, baseline: Baseline) -> Product:
    event, spec = made.event, made.spec
    return Product(
        model=spec.name,
        description=spec.description,
        source=keys.training(event.served_from, event.export.runtime.filename),
        digest=event.export.digest,
        signature=signature,
        figures=made.exported.figures,
        sample=made.exported.sample,
        baseline=baseline,
        identity=_identity(made, spec.logic_digest(), signature),
    )


def _half(made: Made, part: Part, half: HalfReport, baseline: Baseline) -> Product:
    """One half, whose version has its own logic.

    The preprocessor does not change with the estimator's parameters; the predictor changes with
    the preprocessing, since it was fitted to the features.
    """
    spec, prepares = made.spec, part is Part.PREPROCESSOR
    names = {Part.PREPROCESSOR: _preprocessor(spec), Part.PREDICTOR: spec.name}
    logic = spec.preprocessing_digest() if prepares else spec.logic_digest()
    return Product(
        model=names.pop(part),
        description=f"The features of {spec.name}." if prepares else spec.description,
        source=keys.half(made.event.exported_by, part),
        digest=half.digest,
        signature=half.signature,
        figures=half.figures,
        sample=half.sample,
        baseline=_half_baseline(made.exported, baseline, prepares=prepares),
        identity=_identity(made, logic, half.signature),
        pair=_pair(made, part, *names.values()),
    )


def _preprocessor(spec: ModelSpec) -> str:
    return spec.pair.preprocessor if spec.pair else ""


def _pair(made: Made, part: Part, partner: str) -> Pair:
    preprocessor, predictor = made.event.export.preprocessor, made.event.export.digest
    return Pair(
        id=pair_id(preprocessor, predictor),
        part=part,
        partner=partner,
        preprocessor=preprocessor,
        predictor=predictor,
    )


def _half_baseline(exported: ExportReport, whole: Baseline, *, prepares: bool) -> Baseline:
    """The preprocessor sees the columns and predicts nothing; the predictor sees the features."""
    if prepares:
        return msgspec.structs.replace(whole, predictions=None)
    features = exported.pair.features if exported.pair else {}
    return msgspec.structs.replace(whole, numeric=features, categorical={})


def _baseline(store: ObjectStore, event: RegisterEvent) -> Baseline:
    digest = event.preprocess.baseline
    raw = store.get(
        keys.split(event.collect.dataset, event.preprocess.split, f"baseline-{digest}.json")
    )
    check_digest(raw, digest, "the baseline")
    evaluated = _read(store, event.evaluated_by, "evaluation.json", EvaluationReport)
    found = msgspec.json.decode(raw, type=Baseline)
    return msgspec.structs.replace(found, predictions=evaluated.predictions)


def _identity(made: Made, logic: str, signature: Signature) -> Identity:
    return Identity(
        interface=signature.digest(),
        logic=digest_value([logic, _logic_libraries(made.exported), made.code.training]),
        data=made.event.collect.dataset,
        split=made.event.preprocess.split,
    )


def _logic_libraries(exported: ExportReport) -> dict[str, str]:
    """Versions that count as logic: of Python without the patch, which the platform chooses."""
    python = ".".join(exported.libraries.get("python", "").split(".")[:2])
    return {**exported.libraries, "python": python}


def _read(store: ObjectStore, training_id: str, filename: str, kind: type[T]) -> T:
    return msgspec.json.decode(store.get(keys.training(training_id, filename)), type=kind)
