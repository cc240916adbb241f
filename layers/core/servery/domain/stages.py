"""Two stages of one request: a light model answers at once, a heavy one behind a queue."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT, HEAVY = "light", "heavy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a model server answered; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it.
        body: The complete JSON document, a problem document where the status says so.
        model_version: The version that answered.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
    """

    status: int
    body: str
    model_version: str
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A job that is durable.

    Attributes:
        job: Its id.
        state: Where it is; `queued`, unless it was accepted before under the same key.
        unsent: Why it is not in the queue yet, where it is not; it will be carried out anyway.
    """

    job: str
    state: str
    unsent: Exception | None = None
