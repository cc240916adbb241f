"""What a model server says of its model, and whether it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.errors import UnavailableError
from servery.usecases.gateway.answering import OK
from servery.usecases.gateway.messages import ModelReady

if TYPE_CHECKING:
    from servery.usecases.gateway.messages import Ask, Target
    from servery.usecases.gateway.servers import Servers


def metadata(servers: Servers, target: Target, ask: Ask) -> dict[str, Any]:
    """The model as the Open Inference Protocol describes it, with the versions served."""
    _, reply = servers.ask(target, "metadata", ask)
    if reply.status != OK:
        raise UnavailableError(reply.reason or "the model server has no model yet")
    document: dict[str, Any] = msgspec.json.decode(reply.body)
    versions = [served.ref.version for served in target.deployment.serving()]
    return {
        **document,
        "name": target.deployment.model,
        "versions": list(dict.fromkeys(versions)),
    }


def ready(servers: Servers, target: Target, ask: Ask) -> ModelReady:
    """Have the model server check itself.

    Raises:
        UnavailableError: it is not ready; the sentence says why.
    """
    _, reply = servers.ask(target, "ready", ask)
    if reply.status != OK or not reply.ready:
        raise UnavailableError(reply.reason or "the model is not ready", retry_after=2)
    return ModelReady(
        name=target.deployment.model,
        ready=True,
        model_version=reply.model_version or target.version,
        digest=reply.digest,
        runtime=reply.runtime,
        code=reply.code,
        load_ms=reply.load_ms,
    )
