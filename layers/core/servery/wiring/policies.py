"""What the policies of deployments work with, for every room that answers predictions.

Nothing of it is made, or imported, before a policy asks for it: most deployments have none.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.caching import keep_rows, last_known, manifests, prediction_cache
from servery.wiring.circuit import admissions, breaker, settle_limits
from servery.wiring.monitoring import send_shadows, shadow_queue

if TYPE_CHECKING:
    from servery.ports import JobDesk
    from servery.usecases.gateway import Guards


@cache
def guards() -> Guards:
    """All of them."""
    from servery.usecases.gateway import Guards

    return Guards(
        cache=prediction_cache,
        last_known=last_known,
        admission=admissions,
        breaker=breaker,
        signatures=manifests,
        jobs=job_desk,
        shadow=shadow_queue,
    )


def settle(seconds: float) -> None:
    """Do what policies leave for after the response, in so many seconds at the most."""
    until = time.monotonic() + seconds
    for each in (keep_rows, send_shadows, settle_limits):
        each(max(0.0, until - time.monotonic()))


@cache
def job_desk() -> JobDesk:
    """What makes a request a job."""
    from servery.edge.queueing import QueueingDesk
    from servery.wiring.submitting import submit_ports

    return QueueingDesk(submit_ports())
