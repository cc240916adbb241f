"""Lambda's Invoke with nothing around it, for many calls at the same time.

A call by botocore's client takes over 2 milliseconds of the processor. Threads share one of those,
and a function of half a gigabyte has a third of it, so eight calls at once would come back as
late as if some of them had waited for the others; this takes a fraction of that. What it raises
is what botocore raises, so whoever calls need not know which of the two it has.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import msgspec
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from servery.adapters.kept_connections import (
    BrokenConnectionError,
    HttpAnswer,
    KeptConnections,
    NoConnectionError,
    SlowAnswerError,
)
from servery.adapters.sigv4 import Credentials, quoted_path, sign

if TYPE_CHECKING:
    from servery.ports import Clock

CONNECT_SECONDS = 2.0
_REFUSED = 300


class Keys(Protocol):
    """The credentials of one request, as botocore names their parts."""

    @property
    def access_key(self) -> str | None:
        """Who asks."""
        ...

    @property
    def secret_key(self) -> str | None:
        """What is signed with."""
        ...

    @property
    def token(self) -> str | None:
        """What goes with them for a while."""
        ...


class KeySource(Protocol):
    """Gives the credentials as they are now: botocore's, or whoever else knows them."""

    def get_frozen_credentials(self) -> Keys:
        """Those of the next request."""
        ...


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanLambda:
    """Invokes functions over connections that are kept; any number of threads may share it.

    Attributes:
        connections: To Lambda.
        region: Its region.
        credentials: Who calls; None where nobody is known.
        clock: What requests are signed by.
        trace: Gives the trace that a call belongs to, as Lambda names it; empty for none.
    """

    connections: KeptConnections
    region: str
    credentials: KeySource | None
    clock: Clock
    trace: Callable[[], str] = str

    def within(self, seconds: float) -> Invoker:
        """What calls and waits for so many seconds."""
        return Invoker(self, seconds)

    def post(self, path: str, content: bytes, seconds: float) -> HttpAnswer:
        """Send a signed request, once; botocore's exceptions where there is no answer."""
        headers = self._signed(path, content)
        trace = self.trace()
        if trace:
            headers["x-amzn-trace-id"] = quote(trace, safe="-=;:+&[]{}\"',")  # as botocore does
        host = self.connections.host
        try:
            return self.connections.post(
                path,
                headers,
                content,
                connect_s=min(CONNECT_SECONDS, seconds),
                answer_s=seconds,
            )
        except SlowAnswerError as error:
            raise ReadTimeoutError(endpoint_url=host, error=error) from error
        except NoConnectionError as error:
            raise EndpointConnectionError(endpoint_url=host, error=error) from error
        except BrokenConnectionError as error:
            raise ConnectionClosedError(endpoint_url=host, error=error) from error

    def _signed(self, path: str, content: bytes) -> dict[str, str]:
        if self.credentials is None:
            raise NoCredentialsError
        who = self.credentials.get_frozen_credentials()
        return sign(
            "POST",
            host=self.connections.host,
            path=quoted_path(path),  # quoted once more: all services but S3 sign it like that
            headers={"content-type": "application/json"},
            digest=hashlib.sha256(content).hexdigest(),
            region=self.region,
            service="lambda",
            credentials=Credentials(who.access_key or "", who.secret_key or "", who.token or ""),
            now=self.clock.now(),
        )


@dataclass(frozen=True, slots=True)
class Invoker:
    """The one method of a client of Lambda that calling takes."""

    api: LeanLambda
    seconds: float

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803
        """Invoke a function and wait for it; named and answered as by botocore.

        Raises:
            ClientError: Lambda refuses.
            EndpointConnectionError, ReadTimeoutError, ConnectionClosedError: there is no answer.
        """
        path = f"/2015-03-31/functions/{quote(FunctionName, safe='-_.~')}/invocations"
        response = self.api.post(path, Payload, self.seconds)
        if response.status >= _REFUSED:
            raise _refusal(response)
        answer: dict[str, Any] = {
            "StatusCode": response.status,
            "Payload": io.BytesIO(response.data),
        }
        crashed = response.headers.get("x-amz-function-error")
        return {**answer, "FunctionError": crashed} if crashed else answer


def _refusal(response: HttpAnswer) -> ClientError:
    try:
        told = msgspec.json.decode(response.data, type=_Refusal)
    except msgspec.MsgspecError:
        told = _Refusal()
    code = response.headers.get("x-amzn-errortype") or told.kind or told.code
    code = code.partition(":")[0].rpartition("#")[2] or str(response.status)
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": response.status}}
    return ClientError(answer, "Invoke")
