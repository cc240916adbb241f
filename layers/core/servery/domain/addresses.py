"""Which addresses a stranger may have us call: none that is private, whatever form it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from servery.errors import FaultError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What no setting opens: credentials of the machine are given out there, or it is no host at all.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fd00:ec2::/32",
        "fe80::/10",
        "ff00::/8",
    )
)
_UNICAST = IPv6Network("2000::/3")
_DOCUMENTATION = IPv6Network("3fff::/20")  # newer than some of Python's own lists
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks in a list with commas, `127.0.0.1/32,10.0.0.0/8`.

    Raises:
        FaultError: one of them is no network in CIDR form.
    """
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise FaultError("the networks that callbacks may reach are not in CIDR form") from error


def may_be_called(address: str, allowed: Sequence[Network], *, allowed_only: bool) -> bool:
    """Whether an address may be connected to.

    An IPv6 address that carries an IPv4 one (mapped, compatible, 6to4, Teredo, NAT64) has to be
    acceptable as both.

    Args:
        address: Where a name led; what is no address may not be called.
        allowed: Networks that may be called although they are not public.
        allowed_only: Whether public addresses may not.
    """
    try:
        forms = _forms(ip_address(address))
    except ValueError:
        return False
    if any(form in network for form in forms for network in _NEVER):
        return False
    inside = [any(form in network for network in allowed) for form in forms]
    if allowed_only:
        return all(inside)
    return all(known or _public(form) for known, form in zip(inside, forms, strict=True))


def _forms(address: Address) -> list[Address]:
    """The address, and the IPv4 addresses that it carries; a mapped one is nothing but that."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.scope_id is not None:
        raise ValueError(address)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    forms: list[Address] = [address]
    if address in _NAT64 or (address in _COMPATIBLE and not address.is_loopback):
        forms.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        forms.append(address.sixtofour)
    if address.teredo is not None:
        forms.extend(address.teredo)
    return forms


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return True
        return address in _UNICAST and address.is_global and address not in _DOCUMENTATION
    return address.is_global and not address.is_multicast and not address.is_reserved
