"""Events read and answers written by msgspec, where Lambda's runtime client would do it.

The client reads an event with simplejson, to which the quotes of a body within an event are slow:
some 15 ms for 1,000 rows of 30 numbers, where msgspec takes less than one. It lets the author of a
function put a marshaller of his own in the place of its own. Where something else runs the
function (a local cloud, a test), there is no client, and nothing is changed.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

import msgspec

JSON = "application/json"
CLIENT = "awslambdaric.lambda_runtime_client"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class RuntimeMarshaller(Protocol):
    """What the client asks of a marshaller."""

    def unmarshal_request(self, request: bytes, content_type: str | None = JSON) -> Any:
        """The event in the bytes of a request."""
        ...

    def marshal_response(self, response: Any) -> tuple[str | bytes, str]:
        """The bytes of an answer, and their media type."""
        ...


class Marshaller:
    """Reads and writes by msgspec what is JSON beyond doubt.

    Args:
        own: The client's own, which takes the rest, and says what is wrong with it.
    """

    def __init__(self, own: RuntimeMarshaller) -> None:
        self._own = own

    def unmarshal_request(self, request: bytes, content_type: str | None = JSON) -> Any:
        """The event in the bytes of a request."""
        if content_type == JSON:
            try:
                return _decode(request)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                pass  # half of a surrogate pair, or no JSON at all
        return self._own.unmarshal_request(request, content_type)

    def marshal_response(self, response: Any) -> tuple[str | bytes, str]:
        """The bytes of an answer, and their media type."""
        if isinstance(response, dict):
            try:
                return _encode(response), JSON
            except (TypeError, ValueError, RecursionError):
                pass
        return self._own.marshal_response(response)


def marshal_by_msgspec() -> None:
    """Have this function's events and answers read and written here; call it at import.

    For answers out of text, finite numbers, lists and dicts: other values have other forms in
    msgspec than the client gives them.
    """
    client = getattr(sys.modules.get(CLIENT), "LambdaRuntimeClient", None)
    own = getattr(client, "marshaller", None)
    if client is not None and own is not None and not isinstance(own, Marshaller):
        client.marshaller = Marshaller(own)
