"""What stands between a request and the model, where a deployment's policies ask for it.

The gateway calls these in this order: cache, breaker, admission, and after the answer shadow
and last known. Each is asked only where its policy is set. None of them may turn an answer
that there is into an error: what only makes requests cheaper or safer is silent when it fails
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from servery.domain.deployment import Deployment, Served
    from servery.domain.manifest import ModelRef
    from servery.domain.signature import Signature

T = TypeVar("T")

CacheState = Literal["hit", "partial", "miss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A request to predict, once it is known who answers it.

    Attributes:
        deployment: The record, with the policies.
        served: Who answers.
        body: The body as it came.
        base64: Whether it is in base64.
        request_id: As everywhere.
        served_by: What the answer says of who answered: `champion`, `branch:NAME`, ...
        seconds: How long the caller still waits.
        pair: Whose features the rows are; empty where they are none.
    """

    deployment: Deployment
    served: Served
    body: str
    base64: bool
    request_id: str
    served_by: str
    seconds: float
    pair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model server answered to the question of a look: status 200, always.

    Attributes:
        body: The document.
        model_version: Who answered.
        exact: Whether that is the version that was asked, undegraded: else nothing is kept.
    """

    body: str
    model_version: str
    exact: bool


class Look(Protocol):
    """What the cache knows of one request."""

    @property
    def state(self) -> CacheState:
        """Whether it has all rows, some, or none."""
        ...

    @property
    def rows(self) -> int:
        """Rows of the request, at least one."""
        ...

    @property
    def question(self) -> str:
        """The body that asks for what is missing, as plain text; empty where nothing is.

        Records of the missing rows, or the request's own body where nothing was found.
        """
        ...

    def answer(self) -> str:
        """The document of a hit, in the form of the question."""
        ...

    def weave(self, reply: Reply) -> str:
        """The document of all rows: those that were found and those of the reply, in order.

        An exact reply is kept, after the response. One that is not exact comes only where
        nothing had been found, and is given back as it is.
        """
        ...

    def give_up(self) -> None:
        """There is no reply: whoever waits for these rows is to ask for himself."""
        ...


class PredictionCache(Protocol):
    """Answers of one version by the row that was asked; asked where `policies.cache` is set."""

    def look_up(self, inquiry: Inquiry) -> Look | None:
        """What is known of a request, waiting a moment for an equal one that is being answered.

        Every look that is not a hit is ended with `weave` or `give_up`. None where the request
        goes past the cache: it cannot be cached, or the cache is away. Never raises.
        """
        ...


class LastKnown(Protocol):
    """The last answer that a row was given, by whichever version (fallback `last_known`)."""

    def recall(self, inquiry: Inquiry) -> str | None:
        """The document, in the form of the question; None where not all rows are known."""
        ...

    def keep(self, inquiry: Inquiry, document: str) -> None:
        """Keep an exact, undegraded answer, after the response; never slows it, never raises."""
        ...


class Admission(Protocol):
    """Rate, then concurrency, over all processes; asked where `policies.circuit` is set."""

    def admit(self, deployment: Deployment, served: Served) -> AbstractContextManager[object]:
        """A place at the model server for as long as the context lasts.

        Raises (on entering):
            RefusedError: with the reason, `rate` or `concurrency`, and when to try again.
        """
        ...


class Breaker(Protocol):
    """Stops asking a server that keeps failing; asked where `policies.circuit.breaker` is set."""

    def check(self, deployment: Deployment, served: Served) -> None:
        """Refuse before anything is taken for the request; `RefusedError` (`breaker`)."""
        ...

    def call(self, deployment: Deployment, served: Served, ask: Callable[[], T]) -> T:
        """Ask, and count how it went.

        What `ask` raises passes. A `RejectedError`, a `RefusedError` and a `ThrottledError` are
        no failures; every other error is one. An answer with a 5xx is raised by `ask`, so that
        it is seen.

        Raises:
            RefusedError: it is open (`breaker`).
        """
        ...


class Signatures(Protocol):
    """What models take and give, out of their manifests, at hand."""

    def of(self, ref: ModelRef) -> Signature:
        """The signature; `ArtifactError` or a `RetryableError` where it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A request that was made a job.

    Attributes:
        id: Of the job.
        document: What `GET /jobs/{id}` shows now, JSON.
    """

    id: str
    document: str


class JobDesk(Protocol):
    """Makes a request a job (fallback `queue`)."""

    def take(self, inquiry: Inquiry) -> TakenJob:
        """Take it; raises what submitting a job raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCopy:
    """An answered request that a shadow version is asked too.

    Attributes:
        model: Name of the model.
        revision: Of the deployment.
        request_id: As everywhere.
        shadow: The version that is asked.
        version: The version that answered.
        body: The request's body as it came.
        base64: Whether it is in base64.
        answer: The document that was answered.
        latency_ms: How long that took, in the gateway.
        pair: Whose features the rows are; empty where they are none.
    """

    model: str
    revision: int
    request_id: str
    shadow: str
    version: str
    body: str
    base64: bool
    answer: str
    latency_ms: float
    pair: str = ""


class ShadowSender(Protocol):
    """Hands copies on; asked where a version is compared and the request is drawn."""

    def send(self, copy: ShadowCopy) -> None:
        """Queue it in this process, to be sent after the response; never slows, never raises."""
        ...
