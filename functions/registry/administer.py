"""Tells what there is, and takes requests to release and to roll back."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.registry import RegistryApi
from servery.edge.registry_releases import ReleasesApi
from servery.edge.registry_versions import VersionsApi
from servery.edge.telemetry import Telemetry
from servery.wiring import registry as wiring


@cache
def _api() -> Api:
    registry = RegistryApi(
        wiring.registry_reader(),
        registry=wiring.registry(),
        objects=wiring.object_store(),
        queue=wiring.release_queue(),
        servers=wiring.model_servers(),
        clock=wiring.SystemClock(),
        entropy=wiring.entropy,
    )
    releases = ReleasesApi(
        wiring.registry(),
        wiring.release_signals(),
        wiring.release_executions(),
        wiring.SystemClock(),
    )
    versions = VersionsApi(wiring.version_reader())
    return Api(
        "registry",
        {**registry.calls(), **releases.calls(), **versions.calls()},
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry("registry"),
    )


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
