"""Fills a cache with what was asked before."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from servery.edge.data_cache.warming import WarmEvent, carry_out, seconds_left
from servery.usecases.data_cache.warming import warm
from servery.wiring import data_cache as wiring


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Carry out one recorded warm-up."""
    run = partial(warm, ports=wiring.warming_ports(), seconds=seconds_left(context))
    done = carry_out(msgspec.convert(event, WarmEvent), run)
    return {"state": done.state, "coverage": done.coverage.asked}
