"""Registered artifacts: small files whose digests are true, and the records that name them."""

from __future__ import annotations

from typing import Any

import msgspec
from fakes.object_store import MemoryObjectStore
from fakes.records import VERSION, a_model, a_version
from fakes.registry import MemoryRegistry
from servery.domain.digest import digest_bytes
from servery.domain.manifest import (
    Lineage,
    Manifest,
    ModelRef,
    Parity,
    Runtime,
    Sample,
)
from servery.domain.records import RegisteredTraining
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task

SIGNATURE = Signature(
    task=Task.CLASSIFICATION,
    inputs=[Field(name="petal_length", dtype=Dtype.FLOAT, unit="cm")],
    output=Output(name="species", dtype=Dtype.STRING, classes=["setosa", "virginica"]),
)


def a_manifest(version: str, training: str, files: dict[str, str], **changes: Any) -> Manifest:
    spec = {
        "name": "iris",
        "data": {"columns": [{"name": "petal_length", "dtype": "float", "personal": True}]},
        "serving": {"mode": "load", "deadline_ms": 2500},
        "log": {"sample": 0.5},
        "monitor": {"production_metric": "share of species that a botanist confirms"},
    }
    values = {
        "model": "iris",
        "version": version,
        "training": training,
        "created": "2026-03-01T12:00:00+00:00",
        "owner": "botany",
        "signature": SIGNATURE,
        "limits": Limits(max_rows=7),
        "runtime": Runtime.ONNX,
        "runtime_reason": "faster",
        "libraries": {"python": "3.13.1"},
        "files": files,
        "metrics": {"accuracy": 0.97},
        "figures": {},
        "parity": Parity(exported=True),
        "sample": Sample(records=[{"petal_length": 1.4}], classes=["setosa"]),
        "lineage": Lineage(
            training_id=f"iris-{training}",
            source_uri="s3://raw/iris.csv",
            source_digest="1" * 64,
            dataset="2" * 64,
            split="3" * 64,
            code="4" * 64,
            spec=spec,
        ),
    }
    return Manifest(**(values | changes))


def register(
    registry: MemoryRegistry,
    objects: MemoryObjectStore,
    version: str = VERSION,
    training: str = "tr0",
    *,
    runtime: Runtime = Runtime.ONNX,
    created: str = "2026-03-01T12:00:00+00:00",
    origin: str = "training",
    **said: Any,
) -> ModelRef:
    """Store an artifact and register it, with its model and version where they are new.

    What is `said` beside that stands in its manifest.
    """
    prefix = f"models/iris/{version}/{training}"
    content = {
        runtime.filename: f"model of {version} {training}".encode(),
        "baseline.json": b"{}",
    }
    for name, data in content.items():
        objects.put(f"{prefix}/{name}", data)
    digests = {name: digest_bytes(data) for name, data in content.items()}
    manifest = msgspec.json.encode(a_manifest(version, training, digests, runtime=runtime, **said))
    objects.put(f"{prefix}/manifest.json", manifest)
    registry.put_model(a_model())
    if version not in [v.version for v in registry.versions("iris")]:
        registry.add_version(a_version(version, created=created, runtime=runtime, origin=origin))
    ref = ModelRef(
        model="iris",
        version=version,
        training=training,
        prefix=prefix,
        digest=digests[runtime.filename],
        manifest_digest=digest_bytes(manifest),
        runtime=runtime,
    )
    registry.add_training(
        RegisteredTraining(
            ref=ref, training_id=f"iris-{training}", created=created, metrics={"accuracy": 0.97}
        )
    )
    return ref
