"""What all clients without boto3 have of botocore: its exceptions, and how it names a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from servery.adapters.kept_connections import (
    BrokenConnectionError,
    NoConnectionError,
    SlowAnswerError,
)


def traced(trace: str) -> str:
    """The header that says which trace a request belongs to."""
    return quote(trace, safe="-=;:+&[]{}\"',")


@contextmanager
def botocore_failures(host: str) -> Iterator[None]:
    """Raise what botocore raises where the block gets no answer from this host."""
    try:
        yield
    except SlowAnswerError as error:
        raise ReadTimeoutError(endpoint_url=host, error=error) from error
    except NoConnectionError as error:
        raise EndpointConnectionError(endpoint_url=host, error=error) from error
    except BrokenConnectionError as error:
        raise ConnectionClosedError(endpoint_url=host, error=error) from error
