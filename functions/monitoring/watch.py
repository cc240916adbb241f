"""Looks at the models in service: at all of them by the clock, at one when it is asked for."""

from __future__ import annotations

import time
from typing import Any

from servery.edge.watch import read_event, report, seconds_left
from servery.usecases.monitoring.keeping_watch import new_identity, watch_all, watch_one
from servery.wiring import monitoring as wiring


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Look as long as there is time; models that are left over are the next run's first."""
    asked, ports, seconds = read_event(event), wiring.watch_ports(), seconds_left(context)
    if asked.model:
        identity = asked.look or new_identity(ports.clock.now(), ports.entropy)
        run = watch_one(asked.model, ports, identity=identity, wait=time.sleep, seconds=seconds)
    else:
        run = watch_all(ports, seconds=seconds)
    request_id = str(getattr(context, "aws_request_id", ""))
    return report(run, scheduled=not asked.model, request_id=request_id)
