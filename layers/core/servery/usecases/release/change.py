"""The change of a deployment that a release makes, and what is deleted after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, Served, forget, servers_of
from servery.domain.one_model import check_one_model
from servery.domain.release_order import current
from servery.domain.releases import GRACE_SECONDS
from servery.errors import ConflictError, ServeryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.usecases.release.journal import Journal, RecordPorts, ReleasePorts


TRIES = 5
"""How often a change is made anew on top of one that came between: policies change at any time."""


def make_change(
    before: Deployment | None,
    make: Callable[[Deployment | None], Deployment],
    journal: Journal,
    ports: RecordPorts,
) -> Deployment:
    """Write what `make` makes out of the record as it is now.

    Policies may have been changed since the release began; who is served may not.

    Args:
        before: As the release found it.
        make: The change.
        journal: Of the release.
        ports: What it works with.

    Raises:
        ConflictError: somebody else has changed who is served, or `make` refuses the change.
    """
    for left in reversed(range(TRIES)):
        now = current(journal.record.model, ports.registry)
        if _served(now) != _served(before) and (now is None or now.reason != journal.reason):
            raise ConflictError(f"who is served of {journal.record.model} has changed meanwhile")
        after = make(now)
        try:
            return write_change(after, journal, ports)
        except ConflictError:
            if not left:
                raise
    raise AssertionError  # the last try has returned or raised


def alter(
    model: str, make: Callable[[Deployment | None], Deployment | None], ports: RecordPorts
) -> Deployment | None:
    """Write what `make` makes of the record, which may have been made already.

    Args:
        model: Name of the model.
        make: The change; what it gives back as it was is not written.
        ports: What the release works with.

    Returns:
        The deployment as it is now; None where there is none.

    Raises:
        ConflictError: others go on changing it, or `make` refuses the change.
    """
    for left in reversed(range(TRIES)):
        before = current(model, ports.registry)
        after = make(before)
        if after is None or after is before:
            return before
        try:
            return _write(after, ports)
        except ConflictError:
            if not left:
                raise
    raise AssertionError  # the last try has returned or raised


def _served(deployment: Deployment | None) -> list[Served]:
    return [] if deployment is None else deployment.serving()


def write_change(deployment: Deployment, journal: Journal, ports: RecordPorts) -> Deployment:
    """Write the next revision, without the servers whose time is up.

    Raises:
        ConflictError: somebody else has changed the deployment.
        AllInOneError: a server would serve more than one model.
    """
    try:
        return _write(deployment, ports)
    except ConflictError:
        # A write whose answer got lost is ours all the same.
        stored = ports.registry.deployment(deployment.model)
        if stored.reason != journal.reason:
            raise
        return stored


def _write(deployment: Deployment, ports: RecordPorts) -> Deployment:
    check_one_model(deployment, ports.registry.deployments())
    now = ports.clock.now()
    deployment = forget(deployment, now=now.timestamp(), grace=GRACE_SECONDS)
    deployment = msgspec.structs.replace(deployment, changed=now.isoformat())
    ports.registry.put_deployment(deployment)
    return deployment


def clean(deployment: Deployment, journal: Journal, ports: ReleasePorts) -> None:
    """Delete the servers that the deployment does not name; what fails, the next release does."""
    try:
        gone = ports.publisher.sweep(deployment.model, servers_of(deployment))
    except ServeryError as error:
        journal.did("clean", f"left for the next release: {error}")
    else:
        journal.did("clean", ", ".join(gone) or "nothing to delete")
