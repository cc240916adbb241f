"""Makes few large objects of the small ones of the lake, once their day is over."""

from __future__ import annotations

from typing import Any

from servery.edge.compaction import serve_compaction
from servery.wiring import monitoring as wiring


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Go through the last days; when this raises, Lambda calls again, twice."""
    return serve_compaction(event, context, wiring.lake_files(), wiring.clock())
