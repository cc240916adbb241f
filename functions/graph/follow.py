"""Asks the graph that the answer of a member sets going; a real consumer of the event bus."""

from __future__ import annotations

from typing import Any

from servery.wiring import graph as wiring


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Take one event of EventBridge; one that comes again finds the job that it has made."""
    return wiring.follower().serve(event)
