"""What the gateway is asked and answers, and what travels between it and a model server."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef

_CONFLICT = 409


class ServerCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event of a model server."""

    verb: str
    ref: ModelRef
    request_id: str
    route: str = ""
    cache: str = ""
    body: str = ""
    base64: bool = False
    exact: bool = False
    pair: str = ""


class ServerReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model server says, whatever it was asked."""

    status: int
    body: str = ""
    model_version: str = ""
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False
    ready: bool = False
    reason: str = ""
    digest: str = ""
    runtime: str = ""
    code: str = ""
    load_ms: float = 0.0
    pair: str = ""
    mismatch: bool = False

    @property
    def gone(self) -> bool:
        """Whether the server is pinned to another model than the record says.

        That features are of another pair is a conflict too, which no other server would end.
        """
        return self.status == _CONFLICT and self.mismatch


@dataclass(frozen=True, slots=True)
class Target:
    """Who a request goes to.

    Attributes:
        deployment: The record that says so.
        served: The version and its server.
        route: `champion`, or `version` where the caller asked for one by name.
    """

    deployment: Deployment
    served: Served
    route: str

    @property
    def version(self) -> str:
        """The version that answers, as long as no other one stands in for it."""
        return self.served.ref.version


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to predict.

    Attributes:
        body: The body as it came.
        base64: Whether it is in base64.
        size: Its bytes, decoded.
        request_id: What every log knows the request by.
        seconds: How long this function may still run.
        pair: Whose features the rows are, as the caller says; empty where they are none.
    """

    body: str
    base64: bool
    size: int
    request_id: str
    seconds: float
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model server answered; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it.
        body: The complete JSON document, a problem document where the status says so.
        model_version: The version that answered.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
        pair: Id of the pair that the one who answered is half of.
    """

    status: int
    body: str
    model_version: str
    rows: int
    model_ms: float
    degraded: bool
    pair: str = ""


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """A model server that has loaded its model and reproduced the recorded sample."""

    name: str
    ready: bool
    model_version: str
    digest: str = ""
    runtime: str = ""
    code: str = ""
    load_ms: float = 0.0
