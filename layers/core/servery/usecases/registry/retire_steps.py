"""A retirement from its mark to its end: out of the routes, then the server, then the artifact.

Every step is done while the lease is held that a release of the model holds too, looks anew at who
wants the version, and can be done twice: a retirement that was cut off goes on where it stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.candidates import retire_candidate
from servery.domain.deployment import forget, servers_of
from servery.domain.manifest import MANIFEST
from servery.domain.release_order import current
from servery.domain.releases import GRACE_SECONDS, release_lease
from servery.domain.retirements import TOMBSTONE, RetiredVersion, Stage, Why, went, why_gone
from servery.errors import ConflictError, NotFoundError
from servery.usecases.registry.retire_holds import holds, under_way
from servery.usecases.registry.retire_ports import owned
from servery.usecases.registry.turns import LEASE_SECONDS, leased

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.usecases.registry.retire_ports import Owned, Removal, RetirePorts

_HOUR = 3600.0


def mark(
    model: str, version: str, ports: RetirePorts, *, why: Why, because: str, by: str, grace: float
) -> RetiredVersion:
    """Begin the retirement of a version that nobody wants; one that is under way is given back.

    Args:
        model: Name of the model.
        version: Development or production version.
        ports: What is worked with.
        why: What for.
        because: The evidence, one sentence.
        by: policy or command.
        grace: Hours between out and unserved, and between unserved and gone.

    Raises:
        NotFoundError: there is no such version, or it has no artifact of its own.
        ConflictError: something wants it, a change of the model is under way, or it is gone.
    """
    subject = find_owned(model, version, ports)
    with leased(model, "retire", ports.registry, ports.clock, ports.entropy, seconds=LEASE_SECONDS):
        last = ports.kept.retirement(model, version)
        if last is not None and last.stage is Stage.GONE:
            raise ConflictError(why_gone(last))
        if last is not None and not last.stage.final:
            return last
        wanted = holds(subject, ports)
        if wanted:
            raise ConflictError(f"{version} of {model} stays: {'; '.join(wanted)}")
        record = RetiredVersion(
            model=model,
            version=version,
            revision=1 if last is None else last.revision + 1,
            why=why,
            because=because,
            by=by,
            grace_hours=grace,
            marked=ports.clock.now().isoformat(),
        )
        ports.kept.put_retirement(record)
    return record


def find_owned(model: str, version: str, ports: RetirePorts) -> Owned:
    """A version with its artifacts.

    Raises:
        NotFoundError: there is no such model or version, or it has no artifact of its own.
    """
    ports.registry.version(model, version)
    subject = next((o for o in owned(model, ports.registry) if o.record.version == version), None)
    if subject is None:
        raise NotFoundError(
            f"{version} of {model} has no artifact of its own: it is an experiment, or production "
            "versions were made from all of its trainings; retire those"
        )
    return subject


def go_on(record: RetiredVersion, ports: RetirePorts, removal: Removal) -> RetiredVersion:
    """Take every step of a retirement whose time has come.

    Returns:
        The record as it is now.

    Raises:
        ConflictError: a change of the model is under way; the same call later goes on.
        RetryableError: not now; the same call goes on.
    """
    while record.due(ports.clock.now()):
        with leased(
            record.model, "retire", ports.registry, ports.clock, ports.entropy,
            seconds=LEASE_SECONDS,
        ) as owner:  # fmt: skip
            after = _step(record, owner, ports, removal)
        if after is record:
            break
        record = after
        removal.events.retired(record)
    return record


def _step(
    record: RetiredVersion, owner: str, ports: RetirePorts, removal: Removal
) -> RetiredVersion:
    """The next step; the same record where something is under way that it has to wait for."""
    subject = find_owned(record.model, record.version, ports)
    deployment = current(record.model, ports.registry)
    if under_way(subject, ports, before=record.out):
        return record
    wanted = holds(subject, ports)
    prefixes = {ref.prefix for ref in subject.refs}
    serving = [] if deployment is None else deployment.serving()
    if record.stage is not Stage.MARKED and any(s.ref.prefix in prefixes for s in serving):
        wanted.append("it was released again")
    if wanted:
        after = went(record, Stage.KEPT, kept="; ".join(wanted))
    elif record.stage is Stage.MARKED:
        _take_out(record, deployment, ports)
        after = went(record, Stage.OUT, out=_now(ports))
    elif record.stage is Stage.OUT:
        gone = _unserve(record, deployment, owner, ports, removal)
        after = went(record, Stage.UNSERVED, unserved=_now(ports), removed=gone)
    else:
        after = _remove(record, subject, owner, ports, removal)
    ports.kept.put_retirement(after)
    return after


def _take_out(record: RetiredVersion, deployment: Deployment | None, ports: RetirePorts) -> None:
    """Nobody is sent to the version from the next revision on; its server has its grace period."""
    if deployment is None or record.version not in [c.ref.version for c in deployment.candidates]:
        return
    now = ports.clock.now()
    reason = f"retire {record.version}: {record.why}, {record.because}"
    after = retire_candidate(deployment, record.version, now=now.timestamp(), reason=reason)
    known = {retired.server.function for retired in deployment.retired}
    retired = [
        r
        if r.server.function in known
        else msgspec.structs.replace(r, grace=record.grace_hours * _HOUR)
        for r in after.retired
    ]
    ports.registry.put_deployment(
        msgspec.structs.replace(after, retired=retired, changed=now.isoformat())
    )


def _unserve(
    record: RetiredVersion,
    deployment: Deployment | None,
    owner: str,
    ports: RetirePorts,
    removal: Removal,
) -> list[str]:
    """Delete the servers of the model that the deployment names no more, this one among them."""
    if deployment is None:
        return []
    now = ports.clock.now()
    after = forget(deployment, now=now.timestamp(), grace=GRACE_SECONDS)
    if after.retired != deployment.retired:
        after = msgspec.structs.replace(
            after,
            revision=deployment.revision + 1,
            changed=now.isoformat(),
            reason=f"retire {record.version}: its server is deleted",
        )
        ports.registry.put_deployment(after)
    _hold(record, owner, ports)
    return removal.publisher.sweep(
        record.model, servers_of(ports.registry.deployment(record.model))
    )


def _remove(
    record: RetiredVersion, subject: Owned, owner: str, ports: RetirePorts, removal: Removal
) -> RetiredVersion:
    """Delete what is beside the manifests, which stay: lineage and differences are told by them."""
    keys = [
        key
        for ref in subject.refs
        for key in removal.objects.keys(f"{ref.prefix}/")
        if key.rpartition("/")[2] not in (MANIFEST, TOMBSTONE)
    ]
    after = went(record, Stage.GONE, gone=_now(ports), removed=[*record.removed, *keys])
    for ref in subject.refs:
        _hold(record, owner, ports)
        removal.objects.put(f"{ref.prefix}/{TOMBSTONE}", msgspec.json.encode(after))
    for key in keys:
        removal.objects.delete(key)
    return after


def _hold(record: RetiredVersion, owner: str, ports: RetirePorts) -> None:
    """Renew the lease right before something is deleted; `ConflictError` where it is lost."""
    ports.registry.take_lease(release_lease(record.model), owner, seconds=LEASE_SECONDS)


def _now(ports: RetirePorts) -> str:
    return ports.clock.now().isoformat()
