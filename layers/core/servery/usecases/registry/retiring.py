"""Takes a candidate out; its server is deleted by a later release."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from servery.domain.candidates import retire_candidate
from servery.domain.deployment import Deployment
from servery.usecases.registry.turns import LEASE_SECONDS, leased

if TYPE_CHECKING:
    from servery.ports import Clock, Registry


def retire(
    model: str, version: str, *, registry: Registry, clock: Clock, entropy: Callable[[], str]
) -> Deployment:
    """Stop serving a candidate.

    Returns:
        The deployment as it is now.

    Raises:
        NotFoundError: nothing of the model is released, or it has no such candidate.
        ConflictError: a policy names the version, or another change is under way.
    """
    registry.deployment(model)
    with leased(model, "retire", registry, clock, entropy, seconds=LEASE_SECONDS) as owner:
        now = clock.now()
        after = retire_candidate(
            registry.deployment(model), version, now=now.timestamp(), reason=owner
        )
        after = msgspec.structs.replace(after, changed=now.isoformat())
        registry.put_deployment(after)
    return after
