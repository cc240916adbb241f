"""A token bucket in one number, from which tokens are drawn in slices.

The number is the time at which the bucket will be full again (the "theoretical arrival time" of
the generic cell rate algorithm, ITU-T I.371): each token drawn moves it on by the time that one
takes to flow in, and it may never be further ahead than what the whole bucket takes. So one
conditional write draws any number of tokens.

Whoever draws a slice may use it until the second (of the clock) is over. In every second of the
clock, at most `per_second + size` tokens are therefore used, and over any `t` seconds at most
`per_second * (t + 1) + size`, however many processes draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

WINDOW = 1.0
"""Seconds; tokens that were drawn in one of the clock's windows are good until its end."""
SLICES = 20
"""A slice is at the most this part of what flows in during a second."""
AHEAD = 0.25
"""Seconds for which a process draws, by how fast it has been asked lately."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate and a size.

    Attributes:
        per_second: Tokens that flow in.
        burst: Tokens that it holds, as asked for.
    """

    per_second: float
    burst: int

    @property
    def largest(self) -> int:
        """Tokens of the largest slice."""
        return max(1, floor(self.per_second / SLICES))

    @property
    def size(self) -> int:
        """Tokens that it holds; one slice at the least, which has to come out of it at once."""
        return max(self.burst, self.largest)

    @property
    def each(self) -> float:
        """Seconds in which a token flows in."""
        return 1 / self.per_second

    def ceiling(self, now: float, tokens: int) -> float:
        """The latest time of being full at which so many tokens are still in it."""
        return now + (self.size - tokens) * self.each + 1e-6

    def available(self, full_at: float, now: float) -> int:
        """How many tokens are in it."""
        missing = max(0.0, full_at - now) * self.per_second
        return max(0, floor(self.size - missing + 1e-6))

    def next_at(self, full_at: float) -> float:
        """When there will be a token again."""
        return full_at - (self.size - 1) * self.each

    def pause(self, times: int) -> float:
        """Seconds until it is looked at anew, after it was found empty so many times.

        The more processes find it empty, the more they leave in it for one another to draw at
        once; the pause is shorter than it takes to be full, so that nothing flows over.
        """
        return min(self.each * 2.0 ** (times - 1), self.size * self.each / 2)

    def slice(self, gap: float, now: float) -> int:
        """How many tokens to draw.

        Args:
            gap: Seconds between the requests of this process.
            now: The time; no more are drawn than are used until the window ends.
        """
        ahead = min(AHEAD, window_end(now) - now)
        return min(self.largest, max(1, floor(ahead / gap) if gap > 0 else self.largest))


def window_end(now: float) -> float:
    """The end of the window that a time lies in."""
    return (floor(now / WINDOW) + 1) * WINDOW
