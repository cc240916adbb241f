"""What an AWS call raises, in the words of the error tree: no botocore exception leaves here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotReachedError  # no kind of the former

from servery.errors import FaultError, ThrottledError, UnavailableError

_THROTTLES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_SERVER_SIDE = 500


def code_of(error: ClientError) -> str:
    """The error code that AWS answered with, `ResourceNotFoundException` and the like."""
    return str(error.response.get("Error", {}).get("Code", ""))


def cancellation_codes(error: ClientError) -> list[str]:
    """Why each part of a transaction was not done; `None` for a part that was not the reason."""
    response: dict[str, Any] = dict(error.response)
    return [str(reason.get("Code", "None")) for reason in response.get("CancellationReasons", [])]


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what the block raises into errors that say who should do what.

    Args:
        doing: What is being done, for the sentence: "reading the registry".

    Raises:
        ThrottledError: AWS takes no more at the moment.
        UnavailableError: AWS failed, or was not reached.
        FaultError: anything else, a missing permission first of all.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _THROTTLES:
            raise ThrottledError(f"{doing} is throttled") from error
        if status >= _SERVER_SIDE:
            raise UnavailableError(f"{doing} failed on the other side ({code})") from error
        raise FaultError(f"{doing} was refused: {code}") from error
    except (HTTPClientError, NotReachedError) as error:
        raise UnavailableError(f"{doing} got no answer") from error
    except BotoCoreError as error:
        raise FaultError(f"{doing} failed: {type(error).__name__}") from error
