"""Both files of a model at once, and what TLS connections have in common."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import servery
from fakes.tiny_models import MemoryArtifacts, add_model
from msgspec.structs import replace
from servery.adapters.artifacts_ahead import ArtifactsAhead
from servery.adapters.tls import prepare_tls, tls_context
from servery.domain.manifest import MANIFEST, ModelRef
from servery.errors import ArtifactError, UnavailableError

MODEL = "model.onnx"

# A process that ends so many seconds after it began to read certificates.
ENDING = """
import sys, time
from servery.adapters.tls import prepare_tls
prepare_tls()
time.sleep(float(sys.argv[1]))
"""


class _Meeting:
    """Answers for neither file before both are asked for."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)

    def read(self, _ref: ModelRef, filename: str) -> bytes:
        self._both.wait(10)
        return filename.encode()


def test_neither_file_waits_for_the_other_when_a_model_is_read() -> None:
    ahead = ArtifactsAhead(_Meeting())
    ref = add_model(MemoryArtifacts())

    assert ahead.read(ref, MANIFEST) == MANIFEST.encode()
    assert ahead.read(ref, MODEL) == MODEL.encode()


def test_each_file_is_read_once_when_a_model_is_loaded() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    ahead = ArtifactsAhead(artifacts)

    read = [ahead.read(ref, MANIFEST), ahead.read(ref, MODEL)]

    assert read == [artifacts.files[f"{ref.prefix}/{name}"] for name in (MANIFEST, MODEL)]
    assert sorted(artifacts.reads) == [f"{ref.prefix}/{name}" for name in (MANIFEST, MODEL)]


def test_the_file_of_another_model_is_not_given_when_the_first_was_not_fetched() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    other = replace(ref, prefix="models/other")
    artifacts.files[f"{other.prefix}/{MODEL}"] = b"other"
    ahead = ArtifactsAhead(artifacts)

    ahead.read(ref, MANIFEST)

    assert ahead.read(other, MODEL) == b"other"


def test_whoever_asks_for_the_model_is_told_when_it_cannot_be_had() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    del artifacts.files[f"{ref.prefix}/{MODEL}"]
    ahead = ArtifactsAhead(artifacts)

    ahead.read(ref, MANIFEST)
    with pytest.raises(ArtifactError, match=r"model\.onnx is missing"):
        ahead.read(ref, MODEL)


def test_the_next_try_is_new_when_the_manifest_could_not_be_had() -> None:
    artifacts = MemoryArtifacts(fails=UnavailableError("S3 did not answer"))
    ref = add_model(artifacts)
    ahead = ArtifactsAhead(artifacts)
    with pytest.raises(UnavailableError):
        ahead.read(ref, MANIFEST)

    artifacts.fails = None

    assert ahead.read(ref, MANIFEST) == artifacts.files[f"{ref.prefix}/{MANIFEST}"]
    assert ahead.read(ref, MODEL) == artifacts.files[f"{ref.prefix}/{MODEL}"]


def test_all_connections_have_one_context_when_it_was_prepared() -> None:
    prepare_tls().join()

    context = tls_context()

    assert context is tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("seconds", [0.0, 0.002, 0.005, 0.01, 0.02])
def test_process_ends_in_order_when_certificates_are_still_read(seconds: float) -> None:
    layer = Path(servery.__file__).parents[1]

    ended = [
        subprocess.run(
            [sys.executable, "-c", ENDING, str(seconds)],
            env={"PYTHONPATH": str(layer)},
            check=False,
        ).returncode
        for _ in range(4)
    ]

    assert ended == [0] * 4
