"""What one artifact says about itself, and the reference by which it is asked for."""

from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.digest import digest_bytes, digest_value
from servery.domain.identity import Identity
from servery.domain.serving import Limits
from servery.domain.signature import Signature
from servery.errors import ArtifactError

MANIFEST = "manifest.json"


class Runtime(StrEnum):
    """What computes the answers."""

    ONNX = "onnx"
    JOBLIB = "joblib"

    @property
    def filename(self) -> str:
        """Name of the model file in the artifact."""
        return "model.onnx" if self is Runtime.ONNX else "model.joblib"


class Part(StrEnum):
    """Which half of a pair a model is."""

    PREPROCESSOR = "preprocessor"
    PREDICTOR = "predictor"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ModelRef(_Record, frozen=True, kw_only=True):
    """Which model: by name and version, where its artifact is, and the digest it must have.

    Attributes:
        model: Name of the model.
        version: The version that answers name, `X.Y.Z-data.split`.
        training: `tr0`, `tr1`, ...
        prefix: S3 prefix of the artifact (no bucket, no slash at the end).
        digest: SHA-256 (hex) of the model file, as the registry recorded it.
        manifest_digest: SHA-256 (hex) of `manifest.json`, as the registry recorded it.
        runtime: What computes the answers.
        part: Which half of a pair it is; None for a whole model.
        pair: Id of the pair; empty for a whole model.
    """

    model: str
    version: str
    training: str
    prefix: str
    digest: str
    manifest_digest: str
    runtime: Runtime
    part: Part | None = None
    pair: str = ""


class Latency(_Record, frozen=True, kw_only=True):
    """Measured in the training environment, milliseconds per call."""

    p50_ms: float
    p99_ms: float


class RuntimeFigures(_Record, frozen=True, kw_only=True):
    """What one runtime takes: one row and a thousand rows per call, load time and size."""

    one_row: Latency
    thousand_rows: Latency
    load_ms: float
    size_bytes: int


class Parity(_Record, frozen=True, kw_only=True):
    """The proof of an export, on the held-out rows.

    Attributes:
        exported: Whether the pipeline could be exported and passed.
        reason: Why not, where it did not.
        rows: Rows compared.
        label_mismatches: Rows with another class (classification).
        max_abs_difference: Largest difference of a probability (classification), or of a
            prediction relative to the target's scale (regression).
        tolerance: The largest difference that passes.
    """

    exported: bool
    reason: str = ""
    rows: int = 0
    label_mismatches: int = 0
    max_abs_difference: float = 0.0
    tolerance: float = 0.0


class Sample(_Record, frozen=True, kw_only=True):
    """A recorded question with its answer: what a model server must reproduce to be ready.

    Attributes:
        records: Rows in the form of the records API.
        classes: The class of each row (classification).
        scores: Probabilities by row and class (classification with probabilities), the value
            of each row as a list of one (regression), or the features of each row.
        tolerance: Largest absolute difference of a score.
    """

    records: list[dict[str, Any]]
    classes: list[Any] = []
    scores: list[list[float]] = []
    tolerance: float = 1e-4


class Lineage(_Record, frozen=True, kw_only=True):
    """From what a model was made.

    Attributes:
        training_id: The execution that made it.
        source_uri: Where the raw data was.
        source_digest: SHA-256 of the raw bytes.
        dataset: Digest of the canonical data set.
        split: Digest of the stored split.
        code: Digest of the library that trained it.
        spec: The spec, whole.
        logic: Digest of the part of the library that decides what a model is; empty where it was
            not kept.
    """

    training_id: str
    source_uri: str
    source_digest: str
    dataset: str
    split: str
    code: str
    spec: dict[str, Any]
    logic: str = ""


class Pair(_Record, frozen=True, kw_only=True):
    """The two halves that were trained together. Others than these never work together.

    Attributes:
        id: As `pair_id` makes it of the two files.
        part: Which of them this artifact is.
        partner: Name of the other one's model.
        preprocessor: SHA-256 (hex) of the preprocessor's model file.
        predictor: SHA-256 (hex) of the predictor's model file.
    """

    id: str
    part: Part
    partner: str
    preprocessor: str
    predictor: str

    @property
    def own(self) -> str:
        """SHA-256 (hex) that this artifact's own model file has."""
        return self.preprocessor if self.part is Part.PREPROCESSOR else self.predictor


def pair_id(preprocessor: str, predictor: str) -> str:
    """The id of a pair: 32 hexadecimal digits of a digest over the digests of its two files."""
    return digest_value([preprocessor, predictor])[:32]


class Manifest(_Record, frozen=True, kw_only=True):
    """`manifest.json`: everything that a server or a person needs to know about an artifact.

    The manifest does not say X of the version: the artifact of a development version and of
    the production version that it became is the same.

    Attributes:
        schema: Version of this structure.
        model: Name of the model.
        version: The development version under which it was registered.
        training: `tr0`, `tr1`, ...
        created: ISO 8601, UTC.
        owner: Who answers for the model.
        signature: Its inputs and its output.
        limits: Rows and bytes that one request may have.
        runtime: The runtime that was chosen, and `runtime_reason` why.
        libraries: Name to version of everything that matters, Python included.
        files: File name to SHA-256 (hex) of every file of the artifact but this one.
        metrics: Metric to value on the test rows.
        figures: Runtime to its measured figures.
        parity: The proof of the export.
        sample: The recorded sample of the readiness check.
        lineage: From what it was made.
        pair: With what it works together; None for a whole model.
        identity: The digests that its version is made of; None where they were not kept.
    """

    schema: int = 1
    model: str
    version: str
    training: str
    created: str
    owner: str
    signature: Signature
    limits: Limits
    runtime: Runtime
    runtime_reason: str
    libraries: dict[str, str]
    files: dict[str, str]
    metrics: dict[str, float]
    figures: dict[str, RuntimeFigures]
    parity: Parity
    sample: Sample
    lineage: Lineage
    pair: Pair | None = None
    identity: Identity | None = None


def read_manifest(content: bytes, ref: ModelRef) -> Manifest:
    """The manifest out of its bytes, once they are those that the registry recorded.

    Raises:
        ArtifactError: they are others, or no manifest.
    """
    if digest_bytes(content) != ref.manifest_digest:
        raise ArtifactError(f"the manifest in {ref.prefix} is not the one that was registered")
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"the manifest in {ref.prefix} cannot be read: {error}") from error
