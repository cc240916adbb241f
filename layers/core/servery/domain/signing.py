"""Signatures of callbacks: HMAC-SHA256 over the time and the body.

Whoever is called back checks three things: that the signature is right, that it is young, and
that the job is one of theirs. In Python that is

    import hashlib, hmac, time

    def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
        stamp = headers["x-servery-timestamp"]
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
            return False
        signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
        return hmac.compare_digest("v1=" + signed.hexdigest(), headers["x-servery-signature"])

with `body` as the bytes that came, before any parser has seen them. Signatures are compared in
constant time (`compare_digest`), and one older than five minutes is refused, so that a call that
was listened to cannot be played back later. A job may be told more than once: `x-servery-job` is
what to recognise it by.
"""

from __future__ import annotations

import hmac

MAX_AGE_SECONDS = 300
"""How old a signature may be."""

JOB, TIMESTAMP, SIGNATURE = "x-servery-job", "x-servery-timestamp", "x-servery-signature"
_VERSION = "v1="
_MOST_DIGITS = 12  # of the seconds of a timestamp


def sign(secret: str, body: bytes, *, timestamp: int) -> str:
    """The signature of a body that is sent at a time (seconds since the epoch)."""
    signed = f"{timestamp}.".encode() + body
    return _VERSION + hmac.digest(secret.encode(), signed, "sha256").hex()


def verify(secret: str, body: bytes, *, timestamp: str, signature: str, now: float) -> bool:
    """Whether a body came from whoever has the secret, and not more than five minutes ago."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
        return False
    if abs(now - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    wanted = sign(secret, body, timestamp=int(timestamp))
    return hmac.compare_digest(wanted.encode(), signature.encode())


def signed_headers(secret: str, body: bytes, *, job_id: str, timestamp: int) -> dict[str, str]:
    """The headers that a callback brings along."""
    return {
        JOB: job_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: sign(secret, body, timestamp=timestamp),
    }
