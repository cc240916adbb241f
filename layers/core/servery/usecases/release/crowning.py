"""A release of kind release: a registered training becomes champion."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, Served, crown
from servery.domain.release_order import ORDER_SECONDS, check_order, current, order_lease
from servery.errors import ConflictError
from servery.usecases.release.change import clean, write_change
from servery.usecases.release.placement import place
from servery.usecases.release.target import Target, find_target
from servery.usecases.release.turns import turn

if TYPE_CHECKING:
    from servery.usecases.release.journal import Journal, ReleasePorts


def release(journal: Journal, ports: ReleasePorts) -> None:
    """Resolve, publish, check, promote, crown and clean; see `run_release` for what it raises."""
    record = journal.record
    target = find_target(
        record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    ref = target.ref
    journal.did("resolve", f"{record.version} as {ref.version}", mode=str(target.mode))
    deployment = current(record.model, ports.registry)
    if deployment is None or deployment.reason != journal.reason:
        if deployment is not None and _is_champion(target, deployment, ports):
            journal.did("unchanged", f"{ref.version} is champion already", released_as=ref.version)
            return
        # Here already, so that nothing is made in vain; what counts is the look before the change.
        check_order(ref, target.partner, ports.registry)
        deployment = _crown(target, deployment, journal, ports)
    journal.did("crown", f"revision {deployment.revision}", released_as=ref.version)
    clean(deployment, journal, ports)


def _is_champion(target: Target, deployment: Deployment, ports: ReleasePorts) -> bool:
    server = deployment.champion.server
    return (deployment.champion.ref, server.mode, server.code) == (
        target.ref,
        target.mode,
        ports.publisher.code(target.ref.runtime, target.ref.part),
    )


def _crown(
    target: Target, before: Deployment | None, journal: Journal, ports: ReleasePorts
) -> Deployment:
    there = [before.champion, before.last_good] if before is not None else []
    server = place(
        target.ref,
        target.mode,
        publish_id=journal.record.id,
        candidates=[served for served in there if served is not None],
        ports=ports,
        journal=journal,
    )
    with suppress(ConflictError):  # registered by an earlier release or attempt
        ports.registry.add_version(target.production)
    journal.did("promote", f"{target.production.version} from {target.production.promoted_from}")
    served = Served(ref=target.ref, server=server, unlogged=target.unlogged, partner=target.partner)
    after = crown(before, served, now=ports.clock.now().timestamp(), reason=journal.reason)
    settings = {
        "deadline_ms": target.serving.deadline_ms,
        "limits": target.manifest.limits,
        "log_sample": target.log.sample,
        "second_stage": target.second_stage,
    }
    return _write_in_order(msgspec.structs.replace(after, **settings), journal, ports)


def _write_in_order(after: Deployment, journal: Journal, ports: ReleasePorts) -> Deployment:
    """Write the change while nobody changes the other half of a pair."""
    ref, partner = after.champion.ref, after.champion.partner
    lease, owner = order_lease(ref, partner), journal.record.id
    with turn(lease, owner, ports, seconds=ORDER_SECONDS):
        check_order(ref, partner, ports.registry)
        return write_change(after, journal, ports)
