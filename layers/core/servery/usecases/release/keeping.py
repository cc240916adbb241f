"""Policies outlive a release: it is refused where they would not fit who is champion then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, crown
from servery.domain.manifest import MANIFEST, Manifest, ModelRef, read_manifest
from servery.domain.policies import Policies
from servery.domain.policy_rules import Grounds, misfits
from servery.domain.release_order import current
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.usecases.release.journal import RecordPorts
    from servery.usecases.release.target import Target


def check_kept(before: Deployment | None, target: Target, ports: RecordPorts) -> None:
    """Let a target become champion only where the policies of the deployment stay good.

    Raises:
        ConflictError: they name a version that nobody would serve, or do not fit its inputs and
            classes; the sentence says what to do about it.
    """
    if before is None or before.policies == Policies():
        return
    stand_in = msgspec.structs.replace(before.champion, ref=target.ref)
    after = crown(before, stand_in, now=ports.clock.now().timestamp(), reason="")
    known = misfits(before.policies, _grounds(before, target, ports))
    found = [v for v in misfits(after.policies, _grounds(after, target, ports)) if v not in known]
    if found:
        model = before.model
        raise ConflictError(
            f"the policies of {model} do not fit {target.ref.version}: {found[0].field}: "
            f"{found[0].message}; change them first with `servery deployment edit {model}`"
        )


def _grounds(deployment: Deployment, target: Target, ports: RecordPorts) -> Grounds:
    def manifest(ref: ModelRef) -> Manifest:
        if ref == target.ref:
            return target.manifest
        return read_manifest(ports.objects.get(f"{ref.prefix}/{MANIFEST}"), ref)

    return Grounds(deployment, manifest, lambda model: current(model, ports.registry))
