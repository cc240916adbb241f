"""The state PutUp: a new model server beside the old ones, which the gateways can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.candidates import add_candidate, check_room
from servery.domain.release_order import check_order, current
from servery.domain.release_stages import planned, rules_of, unstaged
from servery.domain.releases import is_crowned
from servery.domain.rollout import Rollout, RolloutStage
from servery.domain.rollouts import with_rollout
from servery.usecases.release.beginning import going, opened
from servery.usecases.release.change import alter
from servery.usecases.release.keeping import check_kept
from servery.usecases.release.messages import Progress, Then
from servery.usecases.release.putting_up import answers_already, put_up
from servery.usecases.release.target import Target, find_target

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.usecases.release.journal import Journal, ReleasePorts
    from servery.usecases.release.messages import StateEvent


def stand_beside(event: StateEvent, ports: ReleasePorts) -> Progress:
    """Publish a server, wait until it is ready, register the production version.

    A version with stages before it then stands as a candidate with a rollout that has no share
    yet, so that whoever reads the deployment finds it. One without goes straight to champion,
    and the record says why its rules do not hold.

    Raises:
        ConflictError: the release is to stop, there is no room, or the policies do not fit.
        ReleaseOrderError: half of a pair that another change has to come before.
        ModelServerError: the server is not ready; the sentence says why.
        RetryableError: publishing, or the server, takes too long.
    """
    journal = opened(event, ports)
    target = find_target(
        journal.record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    version = target.ref.version
    journal.did("resolve", f"{journal.record.version} as {version}", mode=str(target.mode))
    deployment = current(event.model, ports.registry)
    if is_crowned(journal.record, deployment):
        return going(event, Then.CROWN)
    if deployment is not None and answers_already(deployment.champion, target, ports):
        journal.did("unchanged", f"{version} is champion already", released_as=version)
        return going(event, Then.RETIRE)
    check_order(target.ref, target.partner, ports.registry)
    check_kept(deployment, target, ports)
    return _put_up(event, target, deployment, journal, ports)


def _put_up(
    event: StateEvent,
    target: Target,
    deployment: Deployment | None,
    journal: Journal,
    ports: ReleasePorts,
) -> Progress:
    stages, why = planned(rules_of(target.manifest)), unstaged(target.ref, deployment)
    staged = bool(stages) and not why
    if stages and why:
        journal.did("unstaged", f"straight to champion: {why}")
    if staged and deployment is not None:
        check_room(deployment, target.ref.version)
    served = put_up(target, deployment, journal, ports, beside=staged)
    version = served.ref.version
    if journal.record.server is None:
        candidates = [] if deployment is None else deployment.candidates
        stood = any(c.ref.version == version for c in candidates)
        journal.did(
            "put_up", served.server.function, production=version, server=served.server, stood=stood
        )
    if not staged:
        return going(event, Then.CROWN)
    found = alter(event.model, lambda now: _beside(now, served, journal, ports), ports)
    journal.did("discovery", f"revision {0 if found is None else found.revision}")
    return going(event, Then.STAGE)


def _beside(
    now: Deployment | None, served: Served, journal: Journal, ports: ReleasePorts
) -> Deployment | None:
    record, time = journal.record, ports.clock.now()
    if now is None or (now.rollout is not None and now.rollout.release == record.id):
        return now
    reason = f"{journal.reason}: discovery"
    added = add_candidate(now, served, now=time.timestamp(), reason=reason)
    rollout = Rollout(
        release=record.id,
        version=served.ref.version,
        stage=RolloutStage.SHADOW,
        share=0.0,
        since=time.isoformat(),
    )
    both = with_rollout(added, rollout, now=time.timestamp(), reason=reason)
    # Two changes as one, so that no reader sees the half of it.
    return msgspec.structs.replace(both, revision=now.revision + 1)
