"""Where the cache has a row, what it keeps there, and for how long that holds."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from servery.domain.answered_rows import AnsweredRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servery.domain.manifest import ModelRef
    from servery.domain.policies import CachePolicy

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class CachedRow:
    """An answer in the table.

    Attributes:
        place: Its primary key.
        key: Which row of which version it is the answer to; whoever else has the same place has
            another one.
        answered: The answer.
        at: When it was given, seconds since the epoch.
        expires: When it is forgotten.
        version: Who gave it, where that is not in the key; else empty.
    """

    place: str
    key: bytes
    answered: AnsweredRow
    at: float
    expires: float
    version: str = ""


def row_keys(ref: ModelRef, generation: int, rows: Iterable[bytes]) -> list[bytes]:
    """The key of each row of a version: what another version answers has another one.

    Args:
        ref: The version, by the digests of its model and its manifest.
        generation: Raised to forget everything.
        rows: Canonical rows.
    """
    return _keys(f"{ref.digest} {ref.manifest_digest} {generation} ", rows)


def lasting_keys(signature_digest: str, rows: Iterable[bytes]) -> list[bytes]:
    """The key of each row whichever version answers it, as long as they take and give the same."""
    return _keys(f"{signature_digest} ", rows)


def place_of(model: str, key: bytes, most: int) -> str:
    """The one place, of so many, that a row can have."""
    return f"{model}#{int.from_bytes(key) % most}"


def lasting_place(model: str, key: bytes) -> str:
    """Where the last known answer to a row is."""
    return f"{model}#last#{key.hex()}"


def flight_place(model: str, keys: Sequence[bytes]) -> str:
    """Where it stands that somebody asks the model for exactly these rows."""
    return f"{model}#flight#{blake2b(b''.join(sorted(keys)), digest_size=KEY_BYTES).hexdigest()}"


def holds(row: CachedRow, key: bytes, policy: CachePolicy, now: float) -> bool:
    """Whether a row that was found is the one, and not too old by the policy as it is now."""
    return row.key == key and now < min(row.expires, row.at + policy.seconds)


def _keys(scope: str, rows: Iterable[bytes]) -> list[bytes]:
    start = blake2b(scope.encode(), digest_size=KEY_BYTES)
    keys = []
    for row in rows:
        made = start.copy()
        made.update(row)
        keys.append(made.digest())
    return keys
