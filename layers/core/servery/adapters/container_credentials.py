"""Credentials where the environment has none: at the address that Lambda gives a snapshot.

A process that was restored from a snapshot has the environment of the day when it was taken, and
no credentials last as long. So with SnapStart Lambda leaves the keys out and names an address on
the loopback interface, and the token to show there, as a container has them.
"""

from __future__ import annotations

import http.client
import threading
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from servery.adapters.sigv4 import Credentials
from servery.errors import FaultError, UnavailableError

if TYPE_CHECKING:
    from servery.ports import Clock

RENEWED_AHEAD = 300.0
"""Seconds before credentials end when new ones are asked for."""
SECONDS = 2.0
"""How long the address may take to answer."""
_TRIES = 3
_TRUSTED = frozenset({"localhost", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
"""Beside loopback, as in botocore: hosts that no other machine can be."""


class _Told(msgspec.Struct, frozen=True):
    access_key: str = msgspec.field(name="AccessKeyId")
    secret_key: str = msgspec.field(name="SecretAccessKey")
    token: str = msgspec.field(name="Token")
    expiration: datetime = msgspec.field(name="Expiration")

    def __repr__(self) -> str:  # secrets never appear in a text
        return f"_Told(access_key={self.access_key!r}, expiration={self.expiration!r})"

    def left(self, now: datetime) -> float:
        """Seconds until they end."""
        return (self.expiration - now).total_seconds()


class ContainerCredentials:
    """Asks for credentials and keeps them as long as they last; any number of threads may.

    Args:
        address: Where they are; on this machine, since the token goes there unencrypted.
        token: What has to be shown there; empty for nothing.
        clock: What tells whether they have ended.

    Raises:
        FaultError: the address is another machine's, or the token cannot be sent.
    """

    def __init__(self, address: str, token: str, clock: Clock) -> None:
        place = urlsplit(address)
        if place.scheme != "http" or not _is_here(place.hostname or ""):
            raise FaultError("credentials are only asked for on this machine")
        if not token.isprintable():
            raise FaultError("the token for the credentials is none that can be sent")
        self._host = place.netloc
        self._path = f"{place.path or '/'}?{place.query}" if place.query else place.path or "/"
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = token
        self._clock = clock
        self._lock = threading.Lock()
        self._told: _Told | None = None

    def get(self) -> Credentials:
        """Credentials that can be used now.

        Raises:
            UnavailableError: there are none at the moment.
        """
        told = self._told
        if told is None or told.left(self._clock.now()) < RENEWED_AHEAD:
            with self._lock:
                told = self._renewed()
        return Credentials(told.access_key, told.secret_key, told.token)

    def _renewed(self) -> _Told:
        """New ones, unless another thread has them by now; the old ones as long as they last."""
        old, now = self._told, self._clock.now()
        if old is not None and old.left(now) >= RENEWED_AHEAD:
            return old
        try:
            self._told = self._asked()
        except UnavailableError:
            if old is None or old.left(now) <= 0:
                raise
            return old
        return self._told

    def _asked(self) -> _Told:
        reason = ""
        for _ in range(_TRIES):
            connection = http.client.HTTPConnection(self._host, timeout=SECONDS)
            try:
                connection.request("GET", self._path, headers=self._headers)
                response = connection.getresponse()
                content = response.read()
                if response.status == HTTPStatus.OK:
                    return msgspec.json.decode(content, type=_Told)
                reason = f"status {response.status}"
            except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
                reason = type(error).__name__  # what was sent stays untold: it may hold secrets
            finally:
                connection.close()
        raise UnavailableError(f"the credentials of this function cannot be read now ({reason})")


def _is_here(host: str) -> bool:
    try:
        return host in _TRUSTED or ip_address(host).is_loopback
    except ValueError:
        return False
