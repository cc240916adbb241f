"""Lambda's Invoke with nothing around it, for many calls at the same time.

A call by botocore's client takes over 2 milliseconds of the processor. Threads share one of those,
and a function of half a gigabyte has a third of it, so eight calls at once would come back as
late as if some of them had waited for the others; this takes less than half. What it raises
is what botocore raises, so whoever calls need not know which of the two it has.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

import msgspec
import urllib3
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from urllib3 import exceptions

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
    """Invokes functions over one pool of connections; any number of threads may share it.

    Attributes:
        endpoint: Address of Lambda, without a path.
        region: Its region.
        credentials: Who calls; None where nobody is known.
        pool: The connections.
        clock: What requests are signed by.
        trace: Gives the trace that a call belongs to, as Lambda names it; empty for none.
    """

    endpoint: str
    region: str
    credentials: KeySource | None
    pool: urllib3.PoolManager
    clock: Clock
    trace: Callable[[], str] = str

    def within(self, seconds: float) -> Invoker:
        """What calls and waits for so many seconds."""
        return Invoker(self, seconds)

    def post(self, path: str, content: bytes, seconds: float) -> urllib3.BaseHTTPResponse:
        """Send a signed request, once; botocore's exceptions where there is no answer."""
        headers = self._signed(path, content)
        trace = self.trace()
        if trace:
            headers["x-amzn-trace-id"] = quote(trace, safe="-=;:+&[]{}\"',")  # as botocore does
        connect = min(CONNECT_SECONDS, seconds)
        try:
            return self.pool.urlopen(
                "POST",
                f"{self.endpoint}{path}",
                body=content,
                headers=headers,
                timeout=urllib3.Timeout(connect=connect, read=seconds),
                retries=False,
                redirect=False,
            )
        except exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self.endpoint, error=error) from error
        except exceptions.NewConnectionError as error:
            raise EndpointConnectionError(endpoint_url=self.endpoint, error=error) from error
        except exceptions.ConnectTimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.endpoint, error=error) from error
        except exceptions.ProtocolError as error:
            raise ConnectionClosedError(endpoint_url=self.endpoint, error=error) from error
        except exceptions.HTTPError as error:
            raise HTTPClientError(error=error) from error

    def _signed(self, path: str, content: bytes) -> dict[str, str]:
        if self.credentials is None:
            raise NoCredentialsError
        who = self.credentials.get_frozen_credentials()
        return sign(
            "POST",
            host=urlsplit(self.endpoint).netloc,
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
            HTTPClientError, EndpointConnectionError, ConnectTimeoutError: there is no answer.
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


def _refusal(response: urllib3.BaseHTTPResponse) -> ClientError:
    try:
        told = msgspec.json.decode(response.data, type=_Refusal)
    except msgspec.MsgspecError:
        told = _Refusal()
    code = response.headers.get("x-amzn-errortype") or told.kind or told.code
    code = code.partition(":")[0].rpartition("#")[2] or str(response.status)
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": response.status}}
    return ClientError(answer, "Invoke")
