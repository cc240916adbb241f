"""Lines of the lake as a look reads them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from servery.domain.log_lines import LogLine

_BITS = 26
_MASK = 2**_BITS - 1


class WatchLine(LogLine, frozen=True, kw_only=True, gc=False):
    """A line of the prediction log, as far as the watch goes by it."""

    latency_ms: float
    input: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(slots=True)
class Unread:
    """What could not be read.

    Attributes:
        lines: That are no lines of the log.
        inputs: Of answered requests that are no rows of the model.
        hidden: Answered requests without their input in the log.
        outputs: Of answered requests that have no predictions.
        labels: Labels beyond the most that are looked at.
    """

    lines: int = 0
    inputs: int = 0
    hidden: int = 0
    outputs: int = 0
    labels: int = 0


class Seen:
    """Which lines have been there before, in 8 MB however many there are.

    A Bloom filter (1970) with four places: of a million lines that are all different it takes one
    in a hundred thousand for one that was there.
    """

    def __init__(self) -> None:
        self._bits = bytearray(2 ** (_BITS - 3))

    def again(self, line: WatchLine) -> bool:
        """Whether a line was there before; it is from now on."""
        content = f"{line.request_id} {line.time}".encode("utf-8", "surrogatepass")
        drawn = int.from_bytes(blake2b(content, digest_size=16).digest())
        before = True
        for _ in range(4):
            place, bit = (drawn & _MASK) >> 3, 1 << (drawn & 7)
            before &= bool(self._bits[place] & bit)
            self._bits[place] |= bit
            drawn >>= 32
        return before
