"""Registered pairs: two artifacts that name one another, and the records of both."""

from __future__ import annotations

from typing import Any

import msgspec
from fakes.artifacts import a_manifest
from fakes.object_store import MemoryObjectStore
from fakes.records import a_model, a_version
from fakes.registry import MemoryRegistry
from msgspec.structs import replace
from servery.domain.digest import digest_bytes
from servery.domain.manifest import ModelRef, Pair, Part, Runtime, pair_id
from servery.domain.records import RegisteredTraining

PREDICTOR, PREPROCESSOR = "iris", "iris-features"


def version_of(number: int) -> str:
    """The development version of the pair of that number, of both halves."""
    return f"0.1.{number}-dabc{number:04d}.sdef{number:04d}"


def production_of(number: int, release: int = 0) -> str:
    """What it is called once it is released."""
    return f"{release or number}.{version_of(number).removeprefix('0.')}"


def register_pair(
    registry: MemoryRegistry,
    objects: MemoryObjectStore,
    number: int = 1,
    *,
    training: str = "tr0",
    **serving: Any,
) -> dict[Part, ModelRef]:
    """Store and register both halves of a pair, as one training leaves them.

    Args:
        registry: Where they are registered.
        objects: Where the files are.
        number: Tells pairs apart; what is registered with a higher one is newer.
        training: Of both versions.
        serving: What the spec says about serving, beside the mode.
    """
    names = {Part.PREPROCESSOR: PREPROCESSOR, Part.PREDICTOR: PREDICTOR}
    files = {part: f"{part} {number}".encode() for part in Part}
    digests = {part: digest_bytes(content) for part, content in files.items()}
    both = (digests[Part.PREPROCESSOR], digests[Part.PREDICTOR])
    refs = {}
    for part, partner in zip(Part, reversed(Part), strict=True):
        pair = Pair(
            id=pair_id(*both),
            part=part,
            partner=names[partner],
            preprocessor=both[0],
            predictor=both[1],
        )
        content = _manifest(number, training, pair, names[part], digests[part], serving)
        refs[part] = _ref(number, training, pair, names[part], digest_bytes(content))
        objects.put(f"{refs[part].prefix}/model.onnx", files[part])
        objects.put(f"{refs[part].prefix}/manifest.json", content)
        _record(registry, refs[part], f"2026-03-0{number}T12:00:00+00:00")
    return refs


def _manifest(
    number: int, training: str, pair: Pair, model: str, digest: str, serving: dict[str, Any]
) -> bytes:
    plain = a_manifest(version_of(number), training, {"model.onnx": digest})
    spec = {
        **plain.lineage.spec,
        "serving": {"mode": "load", **serving},
        "pair": {"preprocessor": PREPROCESSOR},
    }
    made = replace(plain, model=model, pair=pair, lineage=replace(plain.lineage, spec=spec))
    return msgspec.json.encode(made)


def _ref(number: int, training: str, pair: Pair, model: str, manifest_digest: str) -> ModelRef:
    version = version_of(number)
    return ModelRef(
        model=model,
        version=version,
        training=training,
        prefix=f"models/{model}/{version}/{training}",
        digest=pair.own,
        manifest_digest=manifest_digest,
        runtime=Runtime.ONNX,
        part=pair.part,
        pair=pair.id,
    )


def _record(registry: MemoryRegistry, ref: ModelRef, created: str) -> None:
    registry.put_model(a_model(ref.model))
    if ref.version not in [v.version for v in registry.versions(ref.model)]:
        registry.add_version(a_version(ref.version, model=ref.model, created=created))
    registry.add_training(
        RegisteredTraining(ref=ref, training_id=f"{ref.model}-1", created=created, metrics={})
    )
