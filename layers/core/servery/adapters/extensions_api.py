"""Lambda's Extensions API, as an extension within the function's own process asks it."""

from __future__ import annotations

import msgspec

from servery.adapters.kept_connections import (
    BrokenConnectionError,
    KeptConnections,
    NoConnectionError,
    SlowAnswerError,
)
from servery.errors import UnavailableError

ROOT = "/2020-01-01/extension"
CONNECT_SECONDS = 1.0
REGISTER_SECONDS = 1.0
_OK = 200
_NO_ANSWER = (NoConnectionError, SlowAnswerError, BrokenConnectionError)


class _Invoke(msgspec.Struct):
    requestId: str  # noqa: N815 - Lambda's own names
    deadlineMs: float  # noqa: N815


class ExtensionsApi:
    """Asks over one connection that stays open, as the runtime does for its own events.

    Args:
        address: `host:port` of Lambda's API inside the environment.
    """

    def __init__(self, address: str) -> None:
        self._connections = KeptConnections(f"http://{address}", most=1)

    def register(self, name: str) -> str:
        """Register for INVOKE; the identifier that Lambda gives, empty where it gives none."""
        headers = {
            "host": self._connections.host,
            "lambda-extension-name": name,
            "content-type": "application/json",
        }
        try:
            answer = self._connections.post(
                f"{ROOT}/register",
                headers,
                b'{"events":["INVOKE"]}',
                connect_s=CONNECT_SECONDS,
                answer_s=REGISTER_SECONDS,
            )
        except _NO_ANSWER:
            return ""
        return answer.headers.get("lambda-extension-identifier", "")

    def next(self, identifier: str) -> tuple[str, float]:
        """Say that the last event is done with, and wait for the next one, for hours if need be.

        Returns:
            Its request's id, and when it has to be over, in seconds since the epoch.

        Raises:
            UnavailableError: there is no event to be had.
        """
        try:
            try:
                content = self._ask(identifier)
            except BrokenConnectionError:  # it was closed while nobody used it
                content = self._ask(identifier)
            event = msgspec.json.decode(content, type=_Invoke)
        except (*_NO_ANSWER, msgspec.MsgspecError) as error:
            raise UnavailableError("Lambda gives no event to the extension") from error
        return event.requestId, event.deadlineMs / 1000

    def _ask(self, identifier: str) -> bytes:
        headers = {"host": self._connections.host, "lambda-extension-identifier": identifier}
        answer = self._connections.get(f"{ROOT}/event/next", headers, connect_s=CONNECT_SECONDS)
        if answer.status != _OK:
            raise UnavailableError(f"Lambda refuses the extension ({answer.status})")
        return answer.data
