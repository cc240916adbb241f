"""The page and its model."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import quick_registry
from servery.wiring.models import model_loader, s3_artifacts
from servery.wiring.monitoring import after_response, prediction_recorder
from servery.wiring.settings import SystemClock, allowed_origins, optional_setting, setting

if TYPE_CHECKING:
    from servery.usecases.web_single import WebSingle

__all__ = [
    "after_response",
    "allowed_origins",
    "api_url",
    "prediction_recorder",
    "web_single",
]


def api_url() -> str:
    """Address of the gateway API, for a page that runs by itself; else its stage tells it."""
    return optional_setting("API_URL")


@cache
def web_single() -> WebSingle:
    """The model of the page: that of the image where there is one, else the champion."""
    from importlib.util import find_spec
    from pathlib import Path

    from servery.adapters.image_artifact_source import (
        MANIFEST,
        PACKAGE,
        ImageArtifactSource,
        model_package,
    )
    from servery.usecases.web_single import WebSingle, champion_of, packaged

    model, records, clock = setting("WEB_MODEL"), quick_registry(), SystemClock()
    if find_spec(PACKAGE) is not None:
        manifest = (Path(model_package()) / MANIFEST).read_bytes()
        loader = model_loader(ImageArtifactSource())
        return WebSingle(model, packaged(manifest, records, model), loader.load, clock)
    loader = model_loader(s3_artifacts())
    return WebSingle(model, champion_of(records, model), loader.load, clock)
