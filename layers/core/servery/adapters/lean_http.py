"""What all clients without boto3 have of botocore: its exceptions, and how it names a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from urllib3 import exceptions


def traced(trace: str) -> str:
    """The header that says which trace a request belongs to."""
    return quote(trace, safe="-=;:+&[]{}\"',")


@contextmanager
def botocore_failures(endpoint: str) -> Iterator[None]:
    """Raise what botocore raises where the block gets no answer from this address."""
    try:
        yield
    except exceptions.ReadTimeoutError as error:
        raise ReadTimeoutError(endpoint_url=endpoint, error=error) from error
    except exceptions.NewConnectionError as error:
        raise EndpointConnectionError(endpoint_url=endpoint, error=error) from error
    except exceptions.ConnectTimeoutError as error:
        raise ConnectTimeoutError(endpoint_url=endpoint, error=error) from error
    except exceptions.ProtocolError as error:
        raise ConnectionClosedError(endpoint_url=endpoint, error=error) from error
    except exceptions.HTTPError as error:
        raise HTTPClientError(error=error) from error
