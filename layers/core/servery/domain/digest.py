"""Digests of bytes and of values: the same content has the same name, whoever computes it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_canonical = msgspec.json.Encoder(order="sorted")


def digest_bytes(content: bytes | bytearray | memoryview) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_value(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """SHA-256 of the canonical JSON of a value: sorted keys, no whitespace."""
    return digest_bytes(_canonical.encode(value))
