"""Asking the version that is compared, as the one that answered was asked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.manifest import ModelRef
from servery.errors import ModelServerError, NotFoundError

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.ports import Deployments, ModelServers, ShadowCopy

ROUTE = "shadow"

_GONE = 409


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """The event of a model server; `exact`, since a stand-in would be compared to itself."""

    ref: ModelRef
    request_id: str
    body: str
    base64: bool
    pair: str
    verb: str = "infer"
    route: str = ROUTE
    exact: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model server says; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it.
        body: The complete JSON document.
        model_ms: Milliseconds that the model took.
        mismatch: Whether the server is pinned to another model.
    """

    status: int
    body: str = ""
    model_ms: float = 0.0
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a shadow said, and after how many milliseconds."""

    reply: Reply
    latency_ms: float


def shadow_of(copy: ShadowCopy, deployments: Deployments) -> tuple[Deployment, Served]:
    """Who serves the version that a copy is for; by the record as it is, where the kept one is old.

    Raises:
        NotFoundError: nobody does any more.
    """
    deployment = deployments.get(copy.model)
    try:
        return deployment, deployment.served(copy.shadow)
    except NotFoundError:
        deployments.forget(copy.model)
        deployment = deployments.get(copy.model)
        return deployment, deployment.served(copy.shadow)


def ask_shadow(
    copy: ShadowCopy, served: Served, servers: ModelServers, *, seconds: float
) -> Shadowed:
    """Ask the shadow what its neighbour was asked.

    Raises:
        UnavailableError, ThrottledError: it cannot be asked now.
        DeadlineExceededError: no answer in time.
        ModelServerError: it crashed, or says what nobody can read.
    """
    call = _Call(
        ref=served.ref,
        request_id=copy.request_id,
        body=copy.body,
        base64=copy.base64,
        pair=copy.pair,
    )
    started = time.perf_counter()
    answer = servers.call(served.server, msgspec.json.encode(call), timeout=seconds)
    latency_ms = (time.perf_counter() - started) * 1000
    try:
        reply = msgspec.json.decode(answer, type=Reply)
    except msgspec.DecodeError as error:
        raise ModelServerError("the model server answered what nobody can read") from error
    if reply.status == _GONE and reply.mismatch:
        raise ModelServerError("the model server is pinned to another model")
    return Shadowed(reply, latency_ms)
