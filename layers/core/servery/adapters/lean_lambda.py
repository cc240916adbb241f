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
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.kept_connections import HttpAnswer, KeptConnections
from servery.adapters.lean_http import botocore_failures, traced
from servery.adapters.sigv4 import Credentials, quoted_path, sign
from servery.adapters.standard_retries import StandardRetries

if TYPE_CHECKING:
    from servery.ports import Clock

CONNECT_SECONDS = 2.0
_REFUSED = 300


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanLambda:
    """Invokes functions over connections that are kept; any number of threads may share it.

    Attributes:
        connections: To Lambda.
        region: Its region.
        credentials: Who calls; asked for each request.
        clock: What requests are signed by.
        trace: Gives the trace that a call belongs to, as Lambda names it; empty for none.
    """

    connections: KeptConnections
    region: str
    credentials: Callable[[], Credentials]
    clock: Clock
    trace: Callable[[], str] = str

    def within(self, seconds: float, retries: StandardRetries | None = None) -> Functions:
        """What calls and waits for so many seconds; once, where nothing else is said."""
        return Functions(self, seconds, retries or StandardRetries(attempts=1))

    def send(
        self, method: str, path: str, content: bytes | None, seconds: float, kind: str = ""
    ) -> HttpAnswer:
        """Send a signed request, once; botocore's exceptions where there is no answer.

        Args:
            method: `GET` or `POST`.
            path: Quoted.
            content: The body; None for none.
            seconds: How long the answer may take.
            kind: Of an invocation, where Lambda is not to assume that somebody waits.
        """
        headers = self._signed(method, path, content or b"", kind)
        trace = self.trace()
        if trace:
            headers["x-amzn-trace-id"] = traced(trace)
        with botocore_failures(self.connections.host):
            return self.connections.send(
                method,
                path,
                headers,
                content,
                connect_s=min(CONNECT_SECONDS, seconds),
                answer_s=seconds,
            )

    def _signed(self, method: str, path: str, content: bytes, kind: str) -> dict[str, str]:
        return sign(
            method,
            host=self.connections.host,
            path=quoted_path(path),  # quoted once more: all services but S3 sign it like that
            headers={
                "content-type": "application/json",
                **({"x-amz-invocation-type": kind} if kind else {}),
            },
            digest=hashlib.sha256(content).hexdigest(),
            region=self.region,
            service="lambda",
            credentials=self.credentials(),
            now=self.clock.now(),
        )


@dataclass(frozen=True, slots=True)
class Functions:
    """What the library asks of a client of Lambda; named and answered as by botocore.

    Attributes:
        api: Lambda.
        seconds: How long an answer may take.
        retries: How often a call is tried.
    """

    api: LeanLambda
    seconds: float
    retries: StandardRetries

    def invoke(
        self,
        *,
        FunctionName: str,  # noqa: N803
        Payload: bytes,  # noqa: N803
        InvocationType: str = "",  # noqa: N803
    ) -> Mapping[str, Any]:
        """Invoke a function and wait for it, or for Lambda to have taken the event.

        Raises:
            ClientError: Lambda refuses.
            EndpointConnectionError, ReadTimeoutError, ConnectionClosedError: there is no answer.
        """
        path = f"{_path(FunctionName)}/invocations"
        response = self._ask("Invoke", "POST", path, Payload, InvocationType)
        answer: dict[str, Any] = {
            "StatusCode": response.status,
            "Payload": io.BytesIO(response.data),
        }
        crashed = response.headers.get("x-amz-function-error")
        return {**answer, "FunctionError": crashed} if crashed else answer

    def get_function_configuration(self, *, FunctionName: str) -> Mapping[str, Any]:  # noqa: N803
        """What a function is like; raises as `invoke`."""
        path = f"{_path(FunctionName)}/configuration"
        response = self._ask("GetFunctionConfiguration", "GET", path, None)
        answer: dict[str, Any] = msgspec.json.decode(response.data)
        return answer

    def _ask(
        self, operation: str, method: str, path: str, content: bytes | None, kind: str = ""
    ) -> HttpAnswer:
        response, tried = self.retries.answer(
            lambda: self.api.send(method, path, content, self.seconds, kind), _code
        )
        if response.status >= _REFUSED:
            raise _refusal(response, operation, tried)
        return response


def _path(function: str) -> str:
    return f"/2015-03-31/functions/{quote(function, safe='-_.~')}"


def _code(response: HttpAnswer) -> str:
    try:
        told = msgspec.json.decode(response.data, type=_Refusal)
    except msgspec.MsgspecError:
        told = _Refusal()
    code = response.headers.get("x-amzn-errortype") or told.kind or told.code
    return code.partition(":")[0].rpartition("#")[2] or str(response.status)


def _refusal(response: HttpAnswer, operation: str, retries: int) -> ClientError:
    metadata = {"HTTPStatusCode": response.status, "RetryAttempts": retries}
    answer: Any = {"Error": {"Code": _code(response)}, "ResponseMetadata": metadata}
    return ClientError(answer, operation)
