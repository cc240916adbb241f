"""The state Crown: the version that was put up becomes champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, crown
from servery.domain.deployment_settings import settled
from servery.domain.release_order import ORDER_SECONDS, check_order, current, order_lease
from servery.domain.releases import is_crowned
from servery.errors import ConflictError, FaultError
from servery.usecases.release.beginning import going, opened
from servery.usecases.release.change import alter
from servery.usecases.release.keeping import check_kept
from servery.usecases.release.messages import Progress, Then
from servery.usecases.release.putting_up import served_on, warn_of_budget
from servery.usecases.release.staging import own_rollout
from servery.usecases.release.target import Target, find_target
from servery.usecases.release.turns import turn

if TYPE_CHECKING:
    from servery.usecases.release.journal import Journal, RecordPorts
    from servery.usecases.release.messages import StateEvent


def crown_version(event: StateEvent, ports: RecordPorts) -> Progress:
    """Point the deployment at the version; the champion becomes the last good one.

    Raises:
        ConflictError: the release is to stop, who answers has changed meanwhile, or the policies
            do not fit.
        ReleaseOrderError: half of a pair that another change has to come before.
    """
    journal = opened(event, ports)
    target = find_target(
        journal.record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    version = target.ref.version
    deployment = current(event.model, ports.registry)
    if not is_crowned(journal.record, deployment):
        check_kept(deployment, target, ports)
        # Nobody changes the other half of a pair while this one is written.
        lease, owner = order_lease(target.ref, target.partner), journal.record.id
        with turn(lease, owner, ports, seconds=ORDER_SECONDS):
            check_order(target.ref, target.partner, ports.registry)
            deployment = alter(
                event.model, lambda now: _crowned(now, target, journal, ports), ports
            )
    if deployment is None:
        raise FaultError("the deployment cannot be found that was written just now")
    journal.did("crown", f"revision {deployment.revision}", released_as=version)
    warn_of_budget(version, deployment, journal)
    return going(event, Then.RETIRE)


def _crowned(
    now: Deployment | None, target: Target, journal: Journal, ports: RecordPorts
) -> Deployment | None:
    record = journal.record
    if record.server is None:
        raise FaultError("a version is to become champion that has no server")
    if is_crowned(record, now):
        return now
    if record.passed:
        own_rollout(now, journal)  # whoever stopped the release meanwhile has taken it out
    champion = "" if now is None else now.champion.ref.version
    if champion != record.against:
        raise ConflictError(f"who is served of {record.model} has changed meanwhile")
    served = served_on(record.server, target)
    after = crown(now, served, now=ports.clock.now().timestamp(), reason=journal.reason)
    after = settled(after, target.serving, target.log)
    return msgspec.structs.replace(
        after, limits=target.manifest.limits, second_stage=target.second_stage
    )
