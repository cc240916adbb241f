"""A release of kind release: a registered training becomes champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, crown
from servery.domain.deployment_settings import settled
from servery.domain.release_order import ORDER_SECONDS, check_order, current, order_lease
from servery.usecases.release.change import clean, make_change
from servery.usecases.release.keeping import check_kept
from servery.usecases.release.putting_up import answers_already, put_up, warn_of_budget
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
        if deployment is not None and answers_already(deployment.champion, target, ports):
            journal.did("unchanged", f"{ref.version} is champion already", released_as=ref.version)
            return
        # Here already, so that nothing is made in vain; what counts is the look before the change.
        check_order(ref, target.partner, ports.registry)
        check_kept(deployment, target, ports)
        deployment = _crown(target, deployment, journal, ports)
    journal.did("crown", f"revision {deployment.revision}", released_as=ref.version)
    warn_of_budget(ref.version, deployment, journal)
    clean(deployment, journal, ports)


def _crown(
    target: Target, before: Deployment | None, journal: Journal, ports: ReleasePorts
) -> Deployment:
    served = put_up(target, before, journal, ports)

    def crowned(now: Deployment | None) -> Deployment:
        after = crown(now, served, now=ports.clock.now().timestamp(), reason=journal.reason)
        after = settled(after, target.serving, target.log)
        return msgspec.structs.replace(
            after, limits=target.manifest.limits, second_stage=target.second_stage
        )

    # Nobody changes the other half of a pair while this one is written.
    lease, owner = order_lease(target.ref, target.partner), journal.record.id
    with turn(lease, owner, ports, seconds=ORDER_SECONDS):
        check_order(target.ref, target.partner, ports.registry)
        return make_change(before, crowned, journal, ports)
