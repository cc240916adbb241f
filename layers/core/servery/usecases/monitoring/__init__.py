"""What the lake is told and tells: each request, later its truth, and what versions compare to."""

from servery.domain.sampling import in_sample
from servery.usecases.monitoring.recording import (
    MOST_LINE_BYTES,
    Entry,
    Outcome,
    Recorder,
)

__all__ = ["MOST_LINE_BYTES", "Entry", "Outcome", "Recorder", "in_sample"]
