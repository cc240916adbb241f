"""Models that were trained elsewhere: what their files are, told by content, and what they may do.

What a file is called says nothing: a pickle is code whatever its name is. A spec says that its
model was imported by an estimator of its own kind, whose parameter is the digest of the file: it
is on no allow-list, so that nothing ever tries to build or to train it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from servery.errors import InvalidInputError, InvalidSpecError, UnsupportedMediaError, Violation

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec

_PREFIX = "imported."
_DIGEST = "sha256"
_DIGITS = re.compile(r"[0-9a-f]{64}")
RUN_PREFIX = "import_"
"""What the name of an import begins with; that of a training is a model, which has no _ in it."""
LARGEST_MODEL = 200 * 10**6
"""Bytes of a model file that is read at all: what a model server can hold beside its copy."""
LARGEST_SAMPLE = 20 * 10**6
"""Bytes of a sample file."""


class Format(StrEnum):
    """What a model file is."""

    ONNX = "onnx"
    SKOPS = "skops"
    JOBLIB = "joblib"

    @property
    def class_path(self) -> str:
        """How a spec names a model of this format."""
        return _PREFIX + self.value


class Origin(StrEnum):
    """Where a version comes from."""

    TRAINING = "training"
    SEARCH = "search"
    IMPORT = "import"
    TRUSTED_FILE = "trusted-file"


_IMPORTS = {kind.class_path: kind for kind in Format}
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_NEWEST_PICKLE = 5
# What joblib and pickle are compressed with, as joblib itself tells them apart.
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x78\x01": "zlib",
    b"\x78\x5e": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
    b"ZF": "joblib's old form",
}
# An ONNX file begins with its first field, the version of the format (1, a varint), and goes on
# with another field of ModelProto.
_IR_VERSION = 0x08
_IR_VERSIONS = range(3, 20)
_MODEL_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42})


def told(content: bytes) -> Format:
    """What a model file is, by its first bytes; nothing of it is opened.

    Raises:
        UnsupportedMediaError: nothing that can be imported; the sentence says what it looks like.
    """
    if content.startswith(_ZIP):
        return Format.SKOPS
    if _is_pickle(content) or any(content.startswith(mark) for mark in _COMPRESSED):
        return Format.JOBLIB
    if _is_onnx(content):
        return Format.ONNX
    if content[4:8] == b"ORTM":
        raise UnsupportedMediaError("the model file has onnxruntime's own format; import the ONNX")
    if content.startswith(b"\x89HDF"):
        raise UnsupportedMediaError("the model file is HDF5; export the model to ONNX first")
    raise UnsupportedMediaError(
        "the model file is neither ONNX nor skops, nor a pickle of protocol 2 or later"
    )


def check_trusted(kind: Format, *, trusted: bool) -> None:
    """Let a pickle pass only where somebody has said that it may run as code.

    Raises:
        UnsupportedMediaError: nobody has; the file was not opened.
    """
    if kind is Format.JOBLIB and not trusted:
        raise UnsupportedMediaError(
            "the model file is a pickle (joblib), which runs as code when it is opened; it was "
            "not opened. Export the model to ONNX or save it with skops; a file of your own may "
            "be imported with --i-trust-this-file"
        )


def estimator_of(kind: Format, digest: str) -> dict[str, Any]:
    """What the spec of an imported model has in the place of its estimator."""
    return {"class": kind.class_path, "params": {_DIGEST: digest}}


def imported(class_path: str) -> Format | None:
    """The format that an estimator of a spec stands for; None where it is to be trained."""
    return _IMPORTS.get(class_path)


def check_imported(spec: ModelSpec) -> list[Violation]:
    """What is wrong with a spec whose model was imported."""
    found: list[Violation] = []
    params = spec.estimator.params
    if params.keys() != {_DIGEST} or not _DIGITS.fullmatch(str(params[_DIGEST])):
        message = "an imported model has the digest of its file, alone"
        found.append(Violation("estimator.params", message))
    parts = {
        "preprocessing": spec.preprocessing != "auto",
        "pair": spec.pair is not None,
        "search": spec.search is not None,
        "pipeline": spec.pipeline != type(spec.pipeline)(),
        "schedule.every_hours": spec.schedule.every_hours is not None,
    }
    message = "an imported model is not trained here"
    return found + [Violation(name, message) for name, said in parts.items() if said]


def check_trainable(spec: ModelSpec) -> None:
    """Refuse to train what was trained elsewhere.

    Raises:
        InvalidSpecError: the spec is that of an import.
    """
    if imported(spec.estimator.class_path) is not None:
        message = "was imported and cannot be trained; import the new file, or name an estimator"
        raise InvalidSpecError(
            f"the model {spec.name} {message}", (Violation("estimator.class", message),)
        )


def check_came_in(spec: ModelSpec, training_id: str) -> None:
    """Let nothing that was imported say that it was trained here, nor the other way round.

    What opened the file tells the spec, and of a pickle that is the file itself.

    Raises:
        InvalidSpecError: the spec is not of the kind that the name of the run is.
    """
    if training_id.startswith(RUN_PREFIX) != (imported(spec.estimator.class_path) is not None):
        raise InvalidSpecError(f"{training_id} does not make a {spec.estimator.class_path}")


def origin_of(spec: ModelSpec, asked_by: str) -> Origin:
    """Where the version of a training comes from.

    Args:
        spec: What was trained, or imported.
        asked_by: Who asked for the training.
    """
    kind = imported(spec.estimator.class_path)
    if kind is not None:
        return Origin.TRUSTED_FILE if kind is Format.JOBLIB else Origin.IMPORT
    return Origin.SEARCH if asked_by == Origin.SEARCH else Origin.TRAINING


def check_unpickled(origin: str, spec: dict[str, Any]) -> None:
    """Let a model server unpickle only what was pickled here, or what somebody trusts by name.

    A skops file was read by the allow-list and pickled here; ONNX is never served by a pickle.

    Args:
        origin: Of the version.
        spec: The spec in its manifest.

    Raises:
        InvalidInputError: the pickle is neither.
    """
    estimator = spec.get("estimator")
    kind = imported(str(estimator.get("class"))) if isinstance(estimator, dict) else None
    fits = {
        Origin.TRAINING.value: kind is None,
        Origin.SEARCH.value: kind is None,
        Origin.IMPORT.value: kind is Format.SKOPS,
        Origin.TRUSTED_FILE.value: kind is Format.JOBLIB,
    }
    if not fits.get(origin, False):
        raise InvalidInputError("an imported artifact is served by onnx only, never unpickled")


def _is_pickle(content: bytes) -> bool:
    return content[:1] == _PICKLE and content[1:2] != b"" and 2 <= content[1] <= _NEWEST_PICKLE  # noqa: PLR2004


def _is_onnx(content: bytes) -> bool:
    return (
        len(content) > len(("tag", "version", "tag"))
        and content[0] == _IR_VERSION
        and content[1] in _IR_VERSIONS
        and content[2] in _MODEL_FIELDS
    )
