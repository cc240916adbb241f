"""Which requests a log has: the same ones wherever they are asked after."""

from __future__ import annotations

from hashlib import blake2b


def in_sample(request_id: str, share: float) -> bool:
    """Whether a request is in a sample of this share, 0 to 1; the same for the same id, always."""
    drawn = int.from_bytes(blake2b(request_id.encode(), digest_size=7).digest())
    return drawn < share * 2**56
