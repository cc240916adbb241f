"""One change at a time of who is served of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servery.domain.releases import release_id, release_lease
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.ports import Clock, Registry

LEASE_SECONDS = 60.0


@contextmanager
def leased(
    model: str,
    kind: str,
    registry: Registry,
    clock: Clock,
    entropy: Callable[[], str],
    *,
    seconds: float,
) -> Iterator[str]:
    """Hold the lease that a release of the model holds too, and give it back.

    Args:
        model: Name of the model.
        kind: What the change is, for its id.
        registry: Where leases are.
        clock: The time.
        entropy: A few random characters, for the id.
        seconds: How long the lease lasts where nobody gives it back.

    Yields:
        The id of the change.

    Raises:
        ConflictError: another change of the deployment is under way.
    """
    lease, owner = release_lease(model), f"{kind}-{release_id(clock.now(), entropy())}"
    try:
        registry.take_lease(lease, owner, seconds=seconds)
    except ConflictError as error:
        raise ConflictError(f"a change of {model} is under way: {error}") from error
    try:
        yield owner
    finally:
        registry.end_lease(lease, owner)
