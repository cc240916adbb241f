"""Digests of bytes and of values: the same content has the same name, whoever computes it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from servery.errors import ArtifactError

_canonical = msgspec.json.Encoder(order="sorted")


def digest_bytes(content: bytes | bytearray | memoryview) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def check_digest(content: bytes, digest: str, what: str) -> None:
    """Let nothing but the recorded bytes through, before anything reads them.

    Raises:
        ArtifactError: they have another digest; the sentence begins with `what`.
    """
    if digest_bytes(content) != digest:
        raise ArtifactError(f"{what} does not have the digest that was recorded")


def digest_value(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """SHA-256 of the canonical JSON of a value: sorted keys, no whitespace."""
    return digest_bytes(_canonical.encode(value))
