"""Loading a model: what is checked, and in which order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.tiny_models import MemoryArtifacts, add_model, shape_model
from msgspec.structs import replace
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import Runtime
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.errors import ArtifactError, IncompatibleRuntimeError, UnavailableError


def loader(artifacts: MemoryArtifacts) -> ModelLoader:
    return ModelLoader(artifacts, load_runtime, Codec)


@pytest.mark.parametrize("runtime", list(Runtime))
def test_a_model_answers_like_its_sample_when_it_has_been_loaded(runtime: Runtime) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts, runtime=runtime)
    model = loader(artifacts).load(ref)
    body = msgspec.json.encode({"records": model.manifest.sample.records})
    prediction = model.predict(model.codec.decode(body))
    assert prediction.answers.tolist() == model.manifest.sample.classes
    assert model.ref == ref
    assert model.load_ms > 0


def test_the_limits_of_a_model_bind_requests_when_its_sample_has_more_rows() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts, limits=Limits(max_rows=1))
    assert loader(artifacts).load(ref).manifest.sample.records[1:]


@pytest.mark.parametrize("filename", ["model.onnx", "manifest.json"])
def test_nothing_is_loaded_when_a_file_is_not_the_recorded_one(filename: str) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    artifacts.files[f"{ref.prefix}/{filename}"] += b" "
    with pytest.raises(ArtifactError, match="recorded"):
        loader(artifacts).load(ref)


@pytest.mark.parametrize("filename", ["model.onnx", "manifest.json"])
def test_nothing_is_loaded_when_a_file_is_missing(filename: str) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    del artifacts.files[f"{ref.prefix}/{filename}"]
    with pytest.raises(ArtifactError, match="missing"):
        loader(artifacts).load(ref)


def test_the_error_passes_when_the_source_does_not_answer() -> None:
    artifacts = MemoryArtifacts(fails=UnavailableError("slow"))
    with pytest.raises(UnavailableError):
        loader(artifacts).load(add_model(artifacts))


SAMPLE = shape_model()[2]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"libraries": {"onnxruntime": "1.2.3"}}, IncompatibleRuntimeError),
        ({"libraries": {}}, IncompatibleRuntimeError),
        ({"files": {"model.onnx": "0" * 64}}, ArtifactError),
        ({"files": {}}, ArtifactError),
        ({"sample": replace(SAMPLE, classes=["big"] * 4)}, IncompatibleRuntimeError),
        ({"sample": replace(SAMPLE, scores=[[0.5, 0.5]])}, IncompatibleRuntimeError),
        ({"sample": replace(SAMPLE, scores=[[0.5, 0.5]] * 4)}, IncompatibleRuntimeError),
        ({"sample": replace(SAMPLE, records=[{"width": 1}])}, ArtifactError),
        ({"sample": replace(SAMPLE, records=[])}, ArtifactError),
    ],
)
def test_nothing_is_loaded_when_the_manifest_does_not_hold(
    changed: dict[str, Any], error: type[Exception]
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts, **changed)
    with pytest.raises(error):
        loader(artifacts).load(ref)


def test_nothing_is_loaded_when_the_manifest_is_that_of_another_model() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts, model="cubes")
    with pytest.raises(ArtifactError, match="cubes"):
        loader(artifacts).load(replace(ref, model="shapes"))


def test_nothing_is_loaded_when_the_manifest_is_no_manifest() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    artifacts.files[f"{ref.prefix}/manifest.json"] = b"{}"
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    with pytest.raises(ArtifactError, match="manifest"):
        loader(artifacts).load(replace(ref, manifest_digest=digest))
