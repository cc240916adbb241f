"""A release of kind candidate: a registered training is served beside the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.candidates import add_candidate, check_room, check_whole
from servery.domain.deployment import Deployment
from servery.domain.release_order import current
from servery.errors import ConflictError
from servery.usecases.release.change import clean, make_change
from servery.usecases.release.putting_up import answers_already, put_up, warn_of_budget
from servery.usecases.release.target import Target, find_target

if TYPE_CHECKING:
    from servery.usecases.release.journal import Journal, ReleasePorts


def stand(journal: Journal, ports: ReleasePorts) -> None:
    """Resolve, publish, check, promote and add; see `run_release` for what it raises."""
    record = journal.record
    target = find_target(
        record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    version = target.ref.version
    journal.did("resolve", f"{record.version} as {version}", mode=str(target.mode))
    deployment = current(record.model, ports.registry)
    if deployment is None:
        raise ConflictError(f"nothing of {record.model} is released; release its champion first")
    if deployment.reason != journal.reason:
        found = _found(target, deployment, ports)
        if found:
            journal.did("unchanged", f"{version} is {found} already", released_as=version)
            return
        check_whole(target.ref)
        check_room(deployment, version)
        deployment = _add(target, deployment, journal, ports)
    journal.did("stand", f"revision {deployment.revision}", released_as=version)
    warn_of_budget(version, deployment, journal)
    clean(deployment, journal, ports)


def _found(target: Target, deployment: Deployment, ports: ReleasePorts) -> str:
    """As what the target is served for as long as nobody changes that; empty for as nothing."""
    if deployment.champion.ref == target.ref:
        return "champion"
    there = (c for c in deployment.candidates if answers_already(c, target, ports))
    return "a candidate" if next(there, None) is not None else ""


def _add(target: Target, before: Deployment, journal: Journal, ports: ReleasePorts) -> Deployment:
    served = put_up(target, before, journal, ports, beside=True)

    def added(now: Deployment | None) -> Deployment:
        return add_candidate(
            now or before, served, now=ports.clock.now().timestamp(), reason=journal.reason
        )

    return make_change(before, added, journal, ports)
