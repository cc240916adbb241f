"""A release of kind roll: the same models answer, on servers of the code that is deployed now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.deployment import Deployment, Served, Server, renew
from servery.domain.records import ReleaseKind
from servery.domain.release_order import current
from servery.errors import ConflictError, FaultError, RejectedError
from servery.usecases.release.change import clean, write_change
from servery.usecases.release.placement import place

if TYPE_CHECKING:
    from servery.domain.records import ReleaseRecord
    from servery.usecases.release.journal import Journal, ReleasePorts


def publish_ids(record: ReleaseRecord) -> tuple[str, ...]:
    """The ids under which a release publishes: a roll may need a second server."""
    if record.kind is ReleaseKind.ROLL:
        return record.id, f"{record.id}-last-good"
    return (record.id,)


def roll(journal: Journal, ports: ReleasePorts) -> None:
    """Move champion and last good one onto the deployed code; see `run_release` for what it raises.

    A last good one that is not ready on the new code stays where it is: losing the way back
    would be worse than code that is behind.
    """
    model = journal.record.model
    deployment = current(model, ports.registry)
    if deployment is None:
        raise ConflictError(f"nothing of {model} is released, so there is nothing to roll")
    if deployment.reason != journal.reason:
        serving = [s for s in (deployment.champion, deployment.last_good) if s is not None]
        if not any(is_behind(served, ports) for served in serving):
            journal.did("unchanged", "every server runs the deployed code")
            return
        deployment = _roll(deployment, journal, ports)
    version = deployment.champion.ref.version
    journal.did("crown", f"revision {deployment.revision}", released_as=version)
    clean(deployment, journal, ports)


def is_behind(served: Served, ports: ReleasePorts) -> bool:
    """Whether a server runs other code than a server published now would."""
    return served.server.code != ports.publisher.code(served.ref.runtime, served.ref.part)


def _roll(before: Deployment, journal: Journal, ports: ReleasePorts) -> Deployment:
    ids = publish_ids(journal.record)
    there = [s for s in (before.champion, before.last_good) if s is not None]
    champion = _move(before.champion, ids[0], there, journal, ports)
    last_good: Server | None = None
    if before.last_good is not None:
        candidates = [Served(ref=before.champion.ref, server=champion), *there]
        try:
            last_good = _move(before.last_good, ids[1], candidates, journal, ports)
        except (FaultError, RejectedError) as error:
            journal.did("keep", f"{before.last_good.ref.version} stays on its server: {error}")
    stayed = before.last_good is None or last_good in (None, before.last_good.server)
    if stayed and champion == before.champion.server:
        return before
    after = renew(
        before,
        champion=champion,
        last_good=last_good,
        now=ports.clock.now().timestamp(),
        reason=journal.reason,
    )
    return write_change(after, journal, ports)


def _move(
    served: Served, publish_id: str, there: list[Served], journal: Journal, ports: ReleasePorts
) -> Server:
    return place(
        served.ref,
        served.server.mode,
        publish_id=publish_id,
        candidates=there,
        ports=ports,
        journal=journal,
    )
