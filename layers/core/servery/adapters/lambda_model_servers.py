"""Model servers behind Lambda: published versions of the predictor, invoked and waited for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import floor
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import (
    DeadlineExceededError,
    ModelServerError,
    ServeryError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

    from servery.domain.deployment import Server

HOP = "model server"
STEP_SECONDS = 0.05
MOST_CLIENTS = 16

_TOO_LARGE = frozenset({"RequestTooLargeException", "RequestEntityTooLargeException"})
_PASSING = frozenset(
    {
        "CodeArtifactUserPendingException",
        "EC2ThrottledException",
        "ENILimitReachedException",
        "ResourceConflictException",
        "ResourceNotFoundException",  # deleted after it was taken out of service
        "ResourceNotReadyException",
        "SnapStartNotReadyException",  # asked by nobody for two weeks, or its snapshot is renewed
        "SnapStartRegenerationFailureException",  # Lambda tries again by itself
        "SnapStartTimeoutException",
    }
)
_NOT_RESTORED = "SnapStartException"


class LambdaModelServers:
    """Calls model servers, each call with a time of its own.

    botocore gives a whole client one time for reading, so there is a client for each time that
    is asked for, rounded down to a twentieth of a second; a handful, since a deployment always
    asks for the same. Predicting changes nothing, so a call whose connection broke is made
    again; nothing else is.

    Who gives every call another time and waits no longer than that itself has a client for each
    of a few `times` instead, which are rounded up to: making a client takes longer than a model.
    Any number of threads may call.

    Args:
        client: Makes a client that waits so many seconds for an answer and tries once.
        times: The only times there are, in seconds, rising.
    """

    def __init__(
        self, client: Callable[[float], LambdaClient], *, times: Sequence[float] = ()
    ) -> None:
        self._make = client
        self._times = times
        self._lock = threading.Lock()
        self._clients: OrderedDict[float, LambdaClient] = OrderedDict()

    def prepare(self, timeout: float) -> None:
        """Make the client for calls of so many seconds, which takes a while, ahead of them."""
        self._client(timeout)

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        """Send an event, wait for the answer.

        Raises:
            DeadlineExceededError: no answer after `timeout` seconds.
            ThrottledError: Lambda takes no more calls at the moment.
            UnavailableError: the server is gone, not ready yet, or not reached.
            TooLargeError: the event or the answer has more bytes than Lambda passes on.
            ModelServerError: the server crashed.
        """
        started = time.monotonic()
        try:
            try:
                return self._invoke(server, payload, timeout)
            except (EndpointConnectionError, ConnectTimeoutError, ConnectionClosedError):
                left = timeout - (time.monotonic() - started)
                if left < STEP_SECONDS:
                    raise DeadlineExceededError(HOP, timeout) from None
                return self._invoke(server, payload, left)
        except ServeryError:
            raise
        except ReadTimeoutError as error:
            raise DeadlineExceededError(HOP, timeout) from error
        except ClientError as error:
            raise _refusal(error) from error
        except (HTTPClientError, EndpointConnectionError, ConnectTimeoutError) as error:
            raise UnavailableError("the model server cannot be reached") from error
        except BotoCoreError as error:
            raise ModelServerError(f"the call failed: {type(error).__name__}") from error

    def _invoke(self, server: Server, payload: bytes, timeout: float) -> bytes:
        response = self._client(timeout).invoke(FunctionName=server.function, Payload=payload)
        answer = response["Payload"].read()
        if "FunctionError" in response:
            raise _crash(response, answer, timeout)
        return answer

    def _client(self, timeout: float) -> LambdaClient:
        seconds = self._seconds(timeout)
        with self._lock:
            client = self._clients.get(seconds)
            if client is None:
                client = self._clients[seconds] = self._make(seconds)
                if len(self._clients) > MOST_CLIENTS:
                    self._clients.popitem(last=False)
            self._clients.move_to_end(seconds)
            return client

    def _seconds(self, timeout: float) -> float:
        if self._times:
            return next((time for time in self._times if time >= timeout), self._times[-1])
        seconds = max(STEP_SECONDS, floor(timeout / STEP_SECONDS + 1e-9) * STEP_SECONDS)
        return round(seconds, 2)


class _Crash(msgspec.Struct):
    errorType: str = ""  # noqa: N815 - Lambda's own name
    errorMessage: str = ""  # noqa: N815


def _crash(response: InvocationResponseTypeDef, answer: bytes, timeout: float) -> ServeryError:
    try:
        crash = msgspec.json.decode(answer, type=_Crash)
    except msgspec.DecodeError:
        crash = _Crash(errorType=response["FunctionError"])
    if crash.errorType == "Function.ResponseSizeTooLarge":
        return TooLargeError("the answer would be too large; send fewer rows")
    if crash.errorType == "Sandbox.Timedout" or "Task timed out" in crash.errorMessage:
        return DeadlineExceededError(HOP, timeout)
    if crash.errorType == "RetryableError":
        return UnavailableError("the model server cannot answer now")
    return ModelServerError(f"the model server failed: {crash.errorType or 'unknown'}")


def _refusal(error: ClientError) -> ServeryError:
    code = code_of(error)
    if code in _TOO_LARGE:
        return TooLargeError("the body is too large to be passed on")
    if code == _NOT_RESTORED:
        return ModelServerError("the model server did not come back from its snapshot; see its log")
    if code in _PASSING:
        return UnavailableError(f"the model server is not there ({code})")
    try:
        with aws_errors("calling the model server"):
            raise error
    except ServeryError as translated:
        return translated
