"""What a hop is asked, on its way to whomever it then is."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import UNSET
from msgspec.structs import replace

from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.locating import Target
from servery.usecases.graph.messages import Call, Keyed, Next
from servery.usecases.graph.values import Row

HAND_BACK_SECONDS = 0.25  # kept of the time of a pair, for saying which half was slow


@dataclass(frozen=True, slots=True)
class Question:
    """What a hop is asked about.

    Attributes:
        rows: Its inputs, or its features.
        pair: The pair whose features they are; empty for inputs.
        keys: The key of each row, where its server looks up the rest.
    """

    rows: list[Row]
    pair: str = ""
    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sending:
    """A question on its way: its rows as a body, for which request, and until when."""

    hop: ModelHop
    question: Question
    body: str
    request_id: str
    until: float

    def call(self, target: Target, left: float) -> Call:
        """The event for a target that has so many seconds."""
        lookup, then = self.hop.lookup, target.then
        call = Call(
            ref=target.served.ref,
            request_id=self.request_id,
            body=self.body,
            exact=target.exact,
            pair=self.question.pair or UNSET,
        )
        if lookup is not None:
            keys = self.question.keys
            keyed = Keyed(
                entity=lookup.entity,
                columns=lookup.columns,
                keys=keys,
                keep_s=lookup.keep_s,
                from_lake=lookup.from_lake,
            )
            call = replace(call, lookup=keyed)
        if then is not None:
            behind = Next(function=then.server.function, ref=then.ref)
            seconds = left - min(HAND_BACK_SECONDS, left / 10)
            call = replace(call, verb="hand_on", then=behind, seconds=round(seconds, 3))
        return call
