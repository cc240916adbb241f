"""The registry: what tells what there is and takes requests to release."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import (
    deployed_code,
    keeping,
    model_servers,
    object_store,
    registry,
    release_executions,
    release_queue,
    release_signals,
)
from servery.wiring.retiring import retire_ports
from servery.wiring.settings import SystemClock, allowed_origins, entropy, optional_setting

if TYPE_CHECKING:
    from servery.usecases.registry.reading import RegistryReader
    from servery.usecases.registry.versions import VersionReader

__all__ = [
    "SystemClock",
    "allowed_origins",
    "entropy",
    "keeping",
    "model_servers",
    "object_store",
    "registry",
    "registry_reader",
    "release_executions",
    "release_queue",
    "release_signals",
    "retire_ports",
    "version_reader",
]


@cache
def registry_reader() -> RegistryReader:
    """What answers questions about what there is."""
    from servery.usecases.registry.reading import RegistryReader

    return RegistryReader(
        registry(),
        object_store(),
        code=deployed_code(),
        clock=SystemClock(),
        kept=keeping(),
    )


@cache
def version_reader() -> VersionReader:
    """What answers questions about versions."""
    from servery.adapters.deployed_libraries import deployed_libraries
    from servery.usecases.registry.versions import VersionReader

    absent = () if optional_setting("BOOSTING_LAYER_ARN") else ("lightgbm", "xgboost")

    def libraries() -> dict[str, str]:
        return {name: v for name, v in deployed_libraries().items() if name not in absent}

    return VersionReader(registry(), object_store(), libraries=libraries)
