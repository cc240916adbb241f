"""What the states of searches tell about themselves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from servery.edge.observed import observed as _observed
from servery.edge.telemetry import emit

if TYPE_CHECKING:
    from servery.usecases.search.messages import Closed

SERVICE = "search"

observed = partial(_observed, service=SERVICE, identity="search", dimensions=("model",))


def tell_outcome(closed: Closed) -> None:
    """Count how a search ended, by model."""
    emit(
        SERVICE,
        {f"Searches{closed.state.capitalize()}": (1, "Count")},
        {"model": closed.model},
        {"correlation_id": closed.search},
    )
