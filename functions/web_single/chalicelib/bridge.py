"""Between Chalice and the HTTP side of the library: its requests in, its responses out.

Chalice routes and runs the app, on Lambda and under `chalice local`. What a request is refused
with, CORS, logs and metrics are the library's, so that they are the same as everywhere else and
nothing of Chalice's own shapes gets out.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from chalice.app import Chalice
from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse
from servery.edge.http import Response
from servery.wiring import web_single as wiring

# Every method comes in: a wrong one is refused in the library's words.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class WebSingleApp(Chalice):
    """A Chalice app that has the prediction log written when a response has left."""

    def __init__(self) -> None:
        super().__init__(app_name="web_single", configure_logs=False)
        # Lambda takes registrations only until the first event, so this one is made at import.
        self._after_response = wiring.after_response().start()

    @property
    def request(self) -> ChaliceRequest:
        """The request that is being answered."""
        if self.current_request is None:
            raise LookupError("no request is being answered")
        return self.current_request

    def __call__(self, event: dict[str, Any], context: object) -> Response:
        """Answer one event of API Gateway, or of `chalice local`."""
        return self._after_response.around(self._serve, event, context)

    def _serve(self, event: dict[str, Any], context: object) -> Response:
        return Response(super().__call__(event, context))


def event_of(request: ChaliceRequest) -> dict[str, Any]:
    """The event of a Chalice request, as API Gateway writes it.

    API Gateway's own is taken as it is; that of `chalice local` has fewer parts, and its body is
    bytes.
    """
    event: dict[str, Any] = request.to_original_event()
    if "path" in event:
        return event
    context = event["requestContext"]
    filled = {
        **event,
        "httpMethod": context["httpMethod"],
        "resource": context["resourcePath"],
        "path": context["path"],
    }
    if isinstance(event["body"], bytes):
        filled |= {"body": b64encode(event["body"]).decode(), "isBase64Encoded": True}
    return filled


def answer_of(response: Response) -> ChaliceResponse:
    """A proxy response as Chalice's; `chalice local` knows headers in title case only."""
    headers = {name.title(): value for name, value in response["headers"].items()}
    return ChaliceResponse(
        body=response["body"], headers=headers, status_code=response["statusCode"]
    )
