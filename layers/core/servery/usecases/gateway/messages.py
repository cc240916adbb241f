"""What the gateway is asked and answers, and what travels between it and a model server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef

CHAMPION = "champion"
CANARY = "canary"
PINNED = "version"
OFF = "off"

_NOTHING: Mapping[str, str] = MappingProxyType({})

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


class Target(msgspec.Struct, frozen=True):
    """Who a request goes to, and why.

    Attributes:
        deployment: The record that says so.
        served: The version and its server.
        route: What the answer says of who answered: `champion`; `version` where the caller or
            a policy names one; `canary`; `branch:NAME`; `variant:EXPERIMENT/NAME`; `fallback:KIND`.
        exact: Whether the caller asked for this version, so that no other may stand in.
        branch: Name of the branch that the request takes; empty for none.
        experiment: Name of the experiment that it takes part in; empty for none.
        variant: Name of its variant.
        key: Digest of the key that it takes part by.
    """

    deployment: Deployment
    served: Served
    route: str
    exact: bool = False
    branch: str = ""
    experiment: str = ""
    variant: str = ""
    key: str = ""

    @property
    def version(self) -> str:
        """The version that answers, as long as no other one stands in for it."""
        return self.served.ref.version


class Ask(msgspec.Struct, frozen=True):
    """A request to predict.

    Attributes:
        body: The body as it came.
        base64: Whether it is in base64.
        size: Its bytes, decoded.
        request_id: What every log knows the request by.
        seconds: How long this function may still run.
        pair: Whose features the rows are, as the caller says; empty where they are none.
        headers: Of the request, by lower-case name.
    """

    body: str
    base64: bool
    size: int
    request_id: str
    seconds: float
    pair: str = ""
    headers: Mapping[str, str] = _NOTHING


class Prediction(msgspec.Struct, frozen=True):
    """What a request is answered; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it.
        body: The complete JSON document, a problem document where the status says so.
        model_version: The version that answered; empty where none did.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version, or a fallback, stood in.
        pair: Id of the pair that the one who answered is half of.
        route: As `Target.route`.
        cache: hit, partial, miss, or off.
        served: Who answered; None where no model did.
        fallback: What stood in for the model; empty where nothing did.
        reason: Why the request did not reach the model; empty where it did.
        job: Id of the job that the request was made; empty where it was not.
    """

    status: int
    body: str
    model_version: str
    rows: int
    model_ms: float
    degraded: bool
    pair: str = ""
    route: str = CHAMPION
    cache: str = OFF
    served: Served | None = None
    fallback: str = ""
    reason: str = ""
    job: str = ""


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """A model server that has loaded its model and reproduced the recorded sample."""

    name: str
    ready: bool
    model_version: str
    digest: str = ""
    runtime: str = ""
    code: str = ""
    load_ms: float = 0.0
