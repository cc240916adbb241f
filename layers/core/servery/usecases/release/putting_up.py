"""A target gets its server and its name in production; nobody is sent to it yet."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from servery.domain.candidates import sharing
from servery.domain.deployment import Deployment, Served
from servery.domain.online_budget import over_budget
from servery.errors import ConflictError
from servery.usecases.release.placement import place

if TYPE_CHECKING:
    from servery.domain.deployment import Server
    from servery.usecases.release.journal import Journal, ReleasePorts
    from servery.usecases.release.target import Target


def put_up(
    target: Target,
    before: Deployment | None,
    journal: Journal,
    ports: ReleasePorts,
    *,
    beside: bool = False,
) -> Served:
    """Publish a server, wait until it is ready, and register the production version.

    Args:
        target: What is released.
        before: Who is served now; a server of theirs that fits is taken.
        beside: Whether it is served beside champion and last good one, and not in their place.
        journal: Where the steps are written.
        ports: What the release works with.

    Raises:
        ModelServerError: the server is not ready; the sentence says why.
        UnavailableError: publishing, or the server, takes too long.
    """
    server = place(
        target.ref,
        target.mode,
        publish_id=journal.record.id,
        candidates=[] if before is None else sharing(before, target.ref, beside=beside),
        ports=ports,
        journal=journal,
    )
    with suppress(ConflictError):  # registered by an earlier release or attempt
        ports.registry.add_version(target.production)
    journal.did("promote", f"{target.production.version} from {target.production.promoted_from}")
    return served_on(server, target)


def served_on(server: Server, target: Target) -> Served:
    """A target as the deployment names it, once it has a server."""
    return Served(
        ref=target.ref,
        server=server,
        unlogged=target.unlogged,
        personal=target.personal,
        partner=target.partner,
        figures=target.manifest.figures.get(target.ref.runtime),
    )


def answers_already(served: Served, target: Target, ports: ReleasePorts) -> bool:
    """Whether a server runs the target in its mode, on the code that is deployed now."""
    return (served.ref, served.server.mode, served.server.code) == (
        target.ref,
        target.mode,
        ports.publisher.code(target.ref.runtime, target.ref.part),
    )


def warn_of_budget(version: str, deployment: Deployment, journal: Journal) -> None:
    """Note where a version that was put up is too much for synchronous traffic."""
    error = over_budget(deployment, deployment.served(version))
    if error is not None:
        journal.did("budget", error.message)
