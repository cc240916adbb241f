"""A line of the prediction log, as far as whoever scores or watches answers goes by it."""

from __future__ import annotations

import msgspec

from servery.domain.personal import OUTPUT, is_masked
from servery.domain.predicted import Predicted, read_predicted
from servery.errors import MalformedError

_OK, _REDIRECT = 200, 300
_NOTHING = msgspec.Raw(b"null")


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered a request, and what; the members are those of the log.

    Attributes:
        request_id: Of the request.
        time: When it came, ISO 8601, UTC.
        model_version: The version that answered.
        fallback: What stood in for the model; empty where nothing did.
        status: The HTTP status.
        degraded: Whether another version stood in.
        hashed: Fields that stand there as their hash.
        omitted: Fields that were left out.
        output: What was answered.
    """

    request_id: str
    time: str
    model_version: str = ""
    fallback: str = ""
    status: int
    degraded: bool = False
    hashed: list[str] = []
    omitted: list[str] = []
    output: msgspec.Raw = _NOTHING

    @property
    def answered(self) -> bool:
        """Whether it went well, whoever answered."""
        return _OK <= self.status < _REDIRECT

    @property
    def stood_in(self) -> bool:
        """Whether something answered in the place of who should have."""
        return bool(self.fallback) or self.degraded

    @property
    def own(self) -> bool:
        """Whether the version itself has answered."""
        return self.answered and not self.stood_in

    @property
    def masked(self) -> list[str]:
        """Fields that are hashed or left out, being about persons: `input.name`."""
        return [*self.hashed, *self.omitted]

    def predicted(self) -> Predicted | None:
        """What was predicted; None where the log has hashed it or left it out, or it tells nothing.

        No label is a hash, and no class of the training is one: what was hashed is neither right
        nor wrong, and no drift.
        """
        if is_masked(OUTPUT, self.masked):
            return None
        try:
            return read_predicted(bytes(self.output))
        except MalformedError:
            return None
