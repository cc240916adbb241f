"""Models that are deployed: a manifest whose digest is true, and the record that names it."""

from __future__ import annotations

from typing import Any

import msgspec
from fakes.artifacts import a_manifest
from fakes.object_store import MemoryObjectStore
from fakes.records import VERSION, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.domain.deployment import Deployment, Served, crown
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Latency, Pair, Part, RuntimeFigures, pair_id
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.errors import NotFoundError


def deploy(
    registry: MemoryRegistry,
    objects: MemoryObjectStore,
    model: str,
    signature: Signature,
    *,
    version: str = VERSION,
    p99_ms: float = 1.0,
    pair: Pair | None = None,
) -> Deployment:
    """Make a version of a model the champion; the one before stays as the last good one."""
    prefix = f"models/{model}/{version}/tr0"
    figure = Latency(p50_ms=p99_ms / 2, p99_ms=p99_ms)
    figures = RuntimeFigures(one_row=figure, thousand_rows=figure, load_ms=1, size_bytes=1)
    manifest = a_manifest(
        version, "tr0", {}, signature=signature, figures={"onnx": figures}, pair=pair
    )
    content = msgspec.json.encode(manifest)
    objects.put(f"{prefix}/manifest.json", content)
    half = {} if pair is None else {"part": pair.part, "pair": pair.id}
    manifest_digest = digest_bytes(content)
    ref = a_ref(version, model=model, prefix=prefix, manifest_digest=manifest_digest, **half)
    try:
        before: Deployment | None = registry.deployment(model)
    except NotFoundError:
        before = None
    number = 1 if before is None else before.revision + 1
    served = Served(ref=ref, server=a_server(number))
    deployment = crown(before, served, now=0.0, reason="released")
    registry.put_deployment(deployment)
    return deployment


def a_pair(part: Part, partner: str, seed: str = "1") -> Pair:
    """One side of a pair; both sides of one seed belong together."""
    first, second = (seed * 64)[:64], (seed * 63)[:63] + "f"
    return Pair(
        id=pair_id(first, second), part=part, partner=partner, preprocessor=first, predictor=second
    )


def preprocessing(features: list[str], *inputs: Field) -> Signature:
    """A preprocessor with these inputs."""
    output = Output(name="features", dtype=Dtype.FLOAT, features=features)
    return Signature(task=Task.PREPROCESSING, inputs=list(inputs), output=output)


def classifier(
    classes: list[Any],
    *inputs: Field,
    dtype: Dtype = Dtype.STRING,
    probabilities: bool = True,
) -> Signature:
    """A classifier with these inputs."""
    output = Output(name="y", dtype=dtype, classes=classes, probabilities=probabilities)
    return Signature(task=Task.CLASSIFICATION, inputs=list(inputs), output=output)


def regression(unit: str, *inputs: Field) -> Signature:
    """A regression with these inputs."""
    output = Output(name="y", dtype=Dtype.FLOAT, unit=unit)
    return Signature(task=Task.REGRESSION, inputs=list(inputs), output=output)


def number(name: str, unit: str = "1", **more: Any) -> Field:
    """An input that is a float."""
    return Field(name=name, dtype=Dtype.FLOAT, unit=unit, **more)


def text(name: str, **more: Any) -> Field:
    """An input that is text."""
    return Field(name=name, dtype=Dtype.STRING, **more)
