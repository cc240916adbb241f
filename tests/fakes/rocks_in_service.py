"""The model of rocks in service: its artifact, its deployment, and the rules it is watched by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from fakes.artifacts import a_manifest
from fakes.records import a_deployment, a_model, a_server
from fakes.watched import BASELINE, MODEL, ROCKS, VERSION
from servery.domain.deployment import Deployment, Served
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Lineage, ModelRef, Runtime
from servery.ports import ObjectStore, Registry

MONITOR = {
    "production_metric": "share of stones that are what was said",
    "window_hours": 4,
    "absent_hours": 0.5,
    "label_hours": 4,
}


def in_service(
    registry: Registry,
    objects: ObjectStore,
    *,
    monitor: dict[str, Any] | None = None,
    since: datetime | None = None,
    files: dict[str, bytes] | None = None,
) -> Deployment:
    """Put the artifact there and make it champion.

    Args:
        registry: Where it is registered.
        objects: The artifacts.
        monitor: The section of its spec.
        since: Since when it is champion; a day ago if left out.
        files: What its files are in place of those that its manifest names.
    """
    content = {"model.onnx": b"a model", "baseline.json": msgspec.json.encode(BASELINE)}
    digests = {name: digest_bytes(data) for name, data in content.items()}
    manifest = msgspec.json.encode(
        a_manifest(
            VERSION,
            "tr0",
            digests,
            model=MODEL,
            signature=ROCKS,
            metrics={"accuracy": 0.9},
            lineage=Lineage(
                training_id="t",
                source_uri="s3://raw/rocks.csv",
                source_digest="1" * 64,
                dataset="2" * 64,
                split="3" * 64,
                code="4" * 64,
                spec={"name": MODEL, "monitor": monitor or MONITOR},
            ),
        )
    )
    prefix = f"models/{MODEL}/{VERSION}/tr0"
    for name, data in {**content, "manifest.json": manifest, **(files or {})}.items():
        objects.put(f"{prefix}/{name}", data)
    ref = ModelRef(
        model=MODEL,
        version=VERSION,
        training="tr0",
        prefix=prefix,
        digest=digests["model.onnx"],
        manifest_digest=digest_bytes(manifest),
        runtime=Runtime.ONNX,
    )
    changed = since or datetime.now(UTC) - timedelta(days=1)
    deployment = a_deployment(
        model=MODEL, champion=Served(ref=ref, server=a_server()), changed=changed.isoformat()
    )
    registry.put_model(a_model(MODEL))
    registry.put_deployment(deployment)
    return deployment
