"""Calls back over HTTPS, to public addresses only, and believes nothing that it is answered.

A name is resolved once, every address that it leads to is checked, and the connection is made to
one of exactly these: a name server that answers differently the second time is not asked a
second time. Nothing is read but the head of the answer, and nothing is followed.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedError
from functools import cache
from http.client import HTTPException

from servery import __version__
from servery.adapters.deadlines import left, send_all
from servery.adapters.timed_http import read_status
from servery.domain.addresses import Network
from servery.domain.callback_urls import (
    Target,
    check_address,
    literal_address,
    parse_target,
    refused,
)
from servery.domain.signing import signed_headers
from servery.errors import UnavailableError
from servery.ports import Clock

SECONDS = 10.0
MOST_ADDRESSES = 4  # that are tried, of those that a name has

Resolve = Callable[[str, int], Sequence[str]]


@cache
def public_tls() -> ssl.SSLContext:
    """TLS with the certificates of the machine, checked, and no older than 1.2."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, by the machine's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class HttpsCaller:
    """POSTs signed bodies to addresses that callers named.

    Args:
        secret: Gives the secret that bodies are signed with.
        clock: The time that is signed.
        allowed: Networks that may be called although they are not public, over http too.
        seconds: For one call, from the name to the status.
        tls: Gives the context that certificates are checked by.
        resolve: Gives the addresses of a name.
    """

    def __init__(
        self,
        secret: Callable[[], str],
        clock: Clock,
        *,
        allowed: Sequence[Network] = (),
        seconds: float = SECONDS,
        tls: Callable[[], ssl.SSLContext] = public_tls,
        resolve: Resolve = resolve,
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._allowed = tuple(allowed)
        self._seconds = seconds
        self._tls = tls
        self._resolve = resolve

    def check(self, url: str) -> None:
        """Refuse what may never be called, as far as the URL itself says it.

        Raises:
            InvalidInputError: the violation says why.
        """
        parse_target(url, self._allowed)

    def call(self, url: str, body: bytes, *, job_id: str) -> int:
        """POST a signed body, return the status; a redirect is a status like any other.

        Raises:
            InvalidInputError: the address leads to where nobody may call.
            UnavailableError: no answer, none in time, or none that is HTTP.
        """
        target, secret = parse_target(url, self._allowed), self._secret()
        until = time.monotonic() + self._seconds
        addresses = self._addresses(target, until)
        stamp = int(self._clock.now().timestamp())
        headers = signed_headers(secret, body, job_id=job_id, timestamp=stamp)
        try:
            with self._connect(target, addresses, until) as connection:
                send_all(connection, _request(target, headers, body), until)
                return read_status(connection, until)
        except (OSError, HTTPException, ValueError) as error:
            raise UnavailableError("nobody answered the callback") from error

    def _addresses(self, target: Target, until: float) -> Sequence[str]:
        literal = literal_address(target.host)
        found = [literal] if literal else self._ask(target, until)
        for address in found:
            check_address(target, address, self._allowed)
        if not found:
            raise UnavailableError("the callback's name leads nowhere")
        return found

    def _ask(self, target: Target, until: float) -> Sequence[str]:
        """The addresses of a name; the resolver itself knows no deadline, so it gets a thread."""
        pool = ThreadPoolExecutor(1, "resolve")
        try:
            answer: Future[Sequence[str]] = pool.submit(self._resolve, target.host, target.port)
            return answer.result(timeout=left(until))
        except UnicodeError as error:
            raise refused("names a host that there cannot be") from error
        except (OSError, WaitedError) as error:
            raise UnavailableError("the callback's name cannot be resolved") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _connect(self, target: Target, addresses: Sequence[str], until: float) -> socket.socket:
        failure: OSError | None = None
        tried = addresses[:MOST_ADDRESSES]
        for number, address in enumerate(tried):
            try:
                share = left(until) / (len(tried) - number)
                plain = socket.create_connection((address, target.port), timeout=share)
            except OSError as error:
                failure = error
                continue
            try:
                plain.settimeout(left(until))
                if target.scheme == "http":
                    return plain
                return self._tls().wrap_socket(plain, server_hostname=target.host)
            except BaseException:
                plain.close()
                raise
        raise failure or TimeoutError


def _request(target: Target, headers: dict[str, str], body: bytes) -> bytes:
    lines = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": f"servery/{__version__}",
        "Accept": "*/*",
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body
