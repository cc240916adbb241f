"""URLs that callers name to be told at: an attack surface, so they are read strictly.

Two questions, apart. `parse_target` says whether a URL is one that anybody may name; it knows
nothing of DNS. `check_address` says whether an address that a name led to may be connected to;
whoever connects asks it for every address, and connects to exactly those that it let through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from servery.domain.addresses import Network, may_be_called
from servery.errors import InvalidInputError, Violation

MAX_URL = 2048
FIELD = "callback_url"

_PORTS = {"https": 443, "http": 80}
_MAX_PORT = 65535

_characters = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+").fullmatch
_name = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
).fullmatch
_authority = re.compile(
    r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@]+))(:(?P<port>[0-9]{1,5}))?"
).fullmatch
_ends_in_number = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)").fullmatch


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL says.

    Attributes:
        scheme: `https` or `http`.
        host: In lower case: a name, or an address without brackets.
        port: 1 to 65535.
        path: Path and query, as they go into the request line.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as they go into the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str, allowed: Sequence[Network] = ()) -> Target:
    """Read a URL that somebody wants to be called at, strictly.

    Only one reading of it is possible: addresses are taken in their usual form alone (no decimal,
    octal or hexadecimal ones), and what two parsers could take apart differently is refused.

    Args:
        url: As the caller wrote it.
        allowed: Networks that may be called although they are not public; http is for them only.

    Raises:
        InvalidInputError: it is no URL that may be called; the violation says why.
    """
    if len(url) > MAX_URL:
        raise refused(f"has more than {MAX_URL} characters")
    if not _characters(url):
        raise refused("has characters that a URL cannot have, or a fragment")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise refused("is no URL") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or (scheme == "http" and not allowed):
        raise refused("begins with https://")
    authority = _authority(parts.netloc)
    if authority is None:
        raise refused("names a host and at most a port; no user, no password")
    port = int(authority["port"] or _PORTS[scheme])
    if not 1 <= port <= _MAX_PORT:
        raise refused(f"has a port from 1 to {_MAX_PORT}")
    host = _address_of(authority["six"]) if authority["six"] else _name_of(authority["name"])
    path = parts.path or "/"
    path = f"{path}?{parts.query}" if parts.query else path
    target = Target(scheme, host, port, path)
    literal = literal_address(host)
    if literal is not None:
        check_address(target, literal, allowed)
    return target


def check_address(target: Target, address: str, allowed: Sequence[Network] = ()) -> None:
    """Refuse an address that may not be called.

    Args:
        target: What is called; http goes to the allowed networks only.
        address: Where its host leads.
        allowed: Networks that may be called although they are not public.

    Raises:
        InvalidInputError: it may not be called. What the address is, is not told.
    """
    if not may_be_called(address, allowed, allowed_only=target.scheme == "http"):
        raise refused("leads to an address that may not be called")


def literal_address(host: str) -> str | None:
    """The host itself where it is an address already, None where it is a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def refused(message: str) -> InvalidInputError:
    """The error for a URL that nobody may have called."""
    return InvalidInputError(
        "the callback URL is not acceptable", (Violation(FIELD, f"the URL {message}"),)
    )


def _address_of(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError as error:
        raise _no_host() from error


def _name_of(text: str) -> str:
    host = text.lower().removesuffix(".")
    if _ends_in_number(host):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise _no_host() from error
    if not _name(host):
        raise _no_host()
    if host == "localhost" or host.endswith(".localhost"):
        raise refused("leads to this machine")
    return host


def _no_host() -> InvalidInputError:
    return refused("names no host: a name, or an address in its usual form")
