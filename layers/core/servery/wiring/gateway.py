"""The gateway: what answers predictions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import lean_deployments, lean_model_servers
from servery.wiring.monitoring import after_response, prediction_recorder
from servery.wiring.policies import guards, settle
from servery.wiring.settings import SystemClock, allowed_origins, in_lambda

if TYPE_CHECKING:
    from servery.usecases.gateway import Gateway

__all__ = [
    "after_response",
    "allowed_origins",
    "gateway",
    "in_lambda",
    "prediction_recorder",
    "settle",
]


@cache
def gateway() -> Gateway:
    """Who answers predictions."""
    from servery.domain.spec import Serving
    from servery.usecases.gateway import Gateway

    servers = lean_model_servers()
    servers.prepare(Serving().deadline_ms / 1000)
    return Gateway(lean_deployments(), servers, SystemClock(), guards())
