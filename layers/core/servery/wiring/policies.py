"""What the policies of deployments work with, for every room that answers predictions.

Nothing of it is made, or imported, before a policy asks for it: most deployments have none.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.caching import last_known, manifests, prediction_cache
from servery.wiring.circuit import admissions, breaker

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
    )


@cache
def job_desk() -> JobDesk:
    """What makes a request a job."""
    from servery.edge.queueing import QueueingDesk
    from servery.wiring.submitting import submit_ports

    return QueueingDesk(submit_ports())
