"""What AWS calls raise, in the words of the error tree."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from servery.adapters.aws_errors import aws_errors
from servery.errors import FaultError, ThrottledError, UnavailableError

URL = "http://table"


def refused(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetItem")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (EndpointConnectionError(endpoint_url=URL), UnavailableError),
        (ConnectTimeoutError(endpoint_url=URL), UnavailableError),
        (ReadTimeoutError(endpoint_url=URL), UnavailableError),
        (ConnectionClosedError(endpoint_url=URL), UnavailableError),
        (refused("InternalServerError", 500), UnavailableError),
        (refused("ThrottlingException", 400), ThrottledError),
        (refused("AccessDeniedException", 400), FaultError),
        (NoCredentialsError(), FaultError),
    ],
)
def test_branch_says_what_to_do_when_a_call_fails(raised, told):
    with pytest.raises(told), aws_errors("reading"):
        raise raised
