"""The settings of a deployment that the spec of its champion says where its policies do not."""

from __future__ import annotations

import msgspec

from servery.domain.deployment import Deployment
from servery.domain.manifest import Manifest
from servery.domain.spec import Log, Serving
from servery.errors import ArtifactError


def said_by_spec(manifest: Manifest) -> tuple[Serving, Log]:
    """What the spec of a model says about serving and about the prediction log.

    Raises:
        ArtifactError: it cannot be read.
    """
    spec = manifest.lineage.spec
    try:
        serving = msgspec.convert(spec.get("serving", {}), Serving)
        return serving, msgspec.convert(spec.get("log", {}), Log)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"the spec in the manifest cannot be read: {error}") from error


def settled(deployment: Deployment, serving: Serving, log: Log) -> Deployment:
    """The deployment with deadline and share of the log by its policies, or else by the spec."""
    policies = deployment.policies
    deadline, sample = policies.deadline_ms, policies.log_sample
    return msgspec.structs.replace(
        deployment,
        deadline_ms=serving.deadline_ms if deadline is None else deadline,
        log_sample=log.sample if sample is None else sample,
    )
