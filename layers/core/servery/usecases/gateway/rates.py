"""Rate: tokens drawn in slices out of a bucket that all processes share."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.token_bucket import Bucket, window_end
from servery.errors import RefusedError

if TYPE_CHECKING:
    from servery.domain.policies import RateLimit
    from servery.ports import TokenTable
    from servery.usecases.gateway.limits import Shared

MOST_SCOPES, MOST_DRY = 512, 16
WEIGHT = 0.5
_IDLE = 1.0  # gaps that are longer are as good as this one


@dataclass(slots=True)
class _Slice:
    """What this process has drawn and not used, and how often it is asked.

    Attributes:
        tokens: How many.
        good_until: When they are no longer good.
        dry_until: Until when the bucket is taken for empty.
        dry: How often it was found empty lately.
        gap: Seconds between requests.
        asked: When the last one came.
    """

    tokens: int = 0
    good_until: float = 0.0
    dry_until: float = 0.0
    dry: int = 0
    gap: float = _IDLE
    asked: float = float("-inf")


class Rates:
    """Takes a token for each request.

    Args:
        table: The buckets.
        shared: What is done where the table is away.
    """

    def __init__(self, table: TokenTable, shared: Shared) -> None:
        self._table = table
        self._shared = shared
        self._slices: dict[tuple[str, Bucket], _Slice] = {}
        self._lock = threading.Lock()

    def take(self, scope: str, limit: RateLimit) -> None:
        """Take a token; a request for which there is none costs no call, once that is known.

        Raises:
            RefusedError: the rate is used up.
        """
        bucket = Bucket(limit.per_second, limit.burst)
        now = self._shared.now()
        with self._lock:
            kept = self._kept(scope, bucket)
            gap = min(_IDLE, max(0.0, now - kept.asked))
            kept.gap += WEIGHT * (gap - kept.gap)
            kept.asked = now
            if kept.tokens and now < kept.good_until:
                kept.tokens -= 1
                return
            if now < kept.dry_until:
                raise _refused(bucket, kept.dry_until - now)
            wanted = bucket.slice(kept.gap, now)
        name = _name(scope, bucket)
        drawn = self._shared.ask(lambda: self._table.draw(name, bucket, wanted, now=now))
        if drawn is not None:
            self._put(kept, bucket, *drawn, now)

    def put_back(self, scope: str, limit: RateLimit) -> None:
        """Have a token back that was not used; it is good for as long as the others are."""
        with self._lock:
            kept = self._kept(scope, Bucket(limit.per_second, limit.burst))
            if self._shared.now() < kept.good_until:
                kept.tokens += 1

    def _put(self, kept: _Slice, bucket: Bucket, tokens: int, full_at: float, now: float) -> None:
        with self._lock:
            if tokens:
                kept.tokens, kept.good_until = tokens - 1, window_end(now)
                kept.dry //= 2
                return
            kept.dry = min(kept.dry + 1, MOST_DRY)
            pause = bucket.pause(kept.dry)
            # Others may put tokens back, or raise the rate: it is looked at within a second.
            kept.dry_until = min(max(bucket.next_at(full_at), now + pause), now + 1)
            raise _refused(bucket, bucket.next_at(full_at) - now)

    def _kept(self, scope: str, bucket: Bucket) -> _Slice:
        if len(self._slices) > MOST_SCOPES:
            self._slices.clear()
        return self._slices.setdefault((scope, bucket), _Slice())


def _name(scope: str, bucket: Bucket) -> str:
    """The name of a bucket: one that is changed is another one, and full.

    What a slow bucket with a large burst still lacks would take a faster one hours to be given.
    """
    return f"{scope}#{bucket.per_second!r}#{bucket.burst}"


def _refused(bucket: Bucket, seconds: float) -> RefusedError:
    return RefusedError(
        f"more than {bucket.per_second:g} requests a second (burst {bucket.burst})",
        reason="rate",
        retry_after=max(seconds, bucket.each),
    )
