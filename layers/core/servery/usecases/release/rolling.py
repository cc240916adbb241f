"""A release of kind roll: the same models answer, on servers of the code that is deployed now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.candidates import MOST_CANDIDATES, sharing
from servery.domain.deployment import Deployment, Served, Server, renew
from servery.domain.release_order import current
from servery.domain.release_records import ReleaseKind
from servery.errors import ConflictError, FaultError, RejectedError
from servery.usecases.release.change import clean, make_change
from servery.usecases.release.placement import place

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.usecases.release.journal import Journal, ReleasePorts


def publish_ids(record: ReleaseRecord) -> tuple[str, ...]:
    """The ids under which a release publishes: a roll may need a server for each that serves."""
    if record.kind is ReleaseKind.ROLL:
        candidates = [f"{record.id}-candidate-{n}" for n in range(MOST_CANDIDATES)]
        return record.id, f"{record.id}-last-good", *candidates
    return (record.id,)


def roll(journal: Journal, ports: ReleasePorts) -> None:
    """Move everybody who serves onto the deployed code; see `run_release` for what it raises.

    A last good one or a candidate that is not ready on the new code stays where it is: losing
    it would be worse than code that is behind.
    """
    model = journal.record.model
    deployment = current(model, ports.registry)
    if deployment is None:
        raise ConflictError(f"nothing of {model} is released, so there is nothing to roll")
    if deployment.reason != journal.reason:
        if not any(is_behind(served, ports) for served in deployment.serving()):
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
    there = sharing(before, before.champion.ref, beside=False)
    champion = _move(before.champion, ids[0], there, journal, ports)
    there = [Served(ref=before.champion.ref, server=champion), *there]
    last_good: Server | None = None
    if before.last_good is not None:
        last_good = _try_to_move(before.last_good, ids[1], there, journal, ports)
        there = [Served(ref=before.last_good.ref, server=last_good), *there]
    candidates: list[Server] = []
    for candidate, publish_id in zip(before.candidates, ids[2:], strict=False):
        same = [served for served in (*there, candidate) if served.ref == candidate.ref]
        candidates.append(_try_to_move(candidate, publish_id, same, journal, ports))
    stayed = before.last_good is None or last_good == before.last_good.server
    stayed = stayed and candidates == [c.server for c in before.candidates]
    if stayed and champion == before.champion.server:
        return before

    def renewed(now: Deployment | None) -> Deployment:
        return renew(
            now or before,
            champion=champion,
            last_good=last_good,
            candidates=candidates,
            now=ports.clock.now().timestamp(),
            reason=journal.reason,
        )

    return make_change(before, renewed, journal, ports)


def _try_to_move(
    served: Served, publish_id: str, there: list[Served], journal: Journal, ports: ReleasePorts
) -> Server:
    """A server of the deployed code, or the one it has where none gets ready."""
    try:
        return _move(served, publish_id, there, journal, ports)
    except (FaultError, RejectedError) as error:
        journal.did("keep", f"{served.ref.version} stays on its server: {error}")
        return served.server


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
