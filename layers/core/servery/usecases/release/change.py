"""The change of a deployment that a release makes, and what is deleted after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, forget, servers_of
from servery.domain.releases import GRACE_SECONDS
from servery.errors import ConflictError, ServeryError

if TYPE_CHECKING:
    from servery.usecases.release.journal import Journal, ReleasePorts


def write_change(deployment: Deployment, journal: Journal, ports: ReleasePorts) -> Deployment:
    """Write the next revision, without the servers whose time is up.

    Raises:
        ConflictError: somebody else has changed the deployment.
    """
    now = ports.clock.now()
    deployment = forget(deployment, now=now.timestamp(), grace=GRACE_SECONDS)
    deployment = msgspec.structs.replace(deployment, changed=now.isoformat())
    try:
        ports.registry.put_deployment(deployment)
    except ConflictError:
        # A write whose answer got lost is ours all the same.
        stored = ports.registry.deployment(deployment.model)
        if stored.reason != journal.reason:
            raise
        return stored
    return deployment


def clean(deployment: Deployment, journal: Journal, ports: ReleasePorts) -> None:
    """Delete the servers that the deployment does not name; what fails, the next release does."""
    try:
        gone = ports.publisher.sweep(deployment.model, servers_of(deployment))
    except ServeryError as error:
        journal.did("clean", f"left for the next release: {error}")
    else:
        journal.did("clean", ", ".join(gone) or "nothing to delete")
