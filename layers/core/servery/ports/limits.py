"""Limits that all processes share: places that are leased, and tokens that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.leases import Place, Places
    from servery.domain.token_bucket import Bucket


class PlaceTable(Protocol):
    """Who has which place; each call raises a `ServeryError` where the table does not answer."""

    def look(self, shard: str, size: int) -> Places:
        """The places of a shard, with every write that came before."""
        ...

    def take(self, shard: str, size: int, wanted: Place, *, now: float) -> tuple[bool, Places]:
        """Take a place that is free or ours, or renew it; whether it is ours, and all of them."""
        ...

    def give_back(self, shard: str, place: Place) -> None:
        """Free a place; nothing happens where it is no longer ours."""
        ...


class TokenTable(Protocol):
    """The bucket of each scope; raises a `ServeryError` where the table does not answer."""

    def draw(self, scope: str, bucket: Bucket, tokens: int, *, now: float) -> tuple[int, float]:
        """Draw so many tokens, or as many as there are; none at all is an answer too.

        Returns:
            How many, and when the bucket will be full again.
        """
        ...


class Keeper(Protocol):
    """Does something in the background while a request runs for longer than was expected."""

    def watch(self, at: float, renew: Callable[[], float | None]) -> Callable[[], None]:
        """Call `renew` at a time (seconds since the epoch), and at each time that it returns.

        Returns:
            What ends the watch; once it has returned, `renew` is neither running nor called.
        """
        ...
