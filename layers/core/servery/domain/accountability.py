"""What a version has to say before it may answer anybody: how production judges and logs it.

*Offline only* and *no logging* are refused here for whatever was trained, since a release lasts
longer than the rules that its spec was once checked by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.spec import Log
from servery.domain.watch_rules import Monitor
from servery.errors import ArtifactError, InvalidInputError, Violation

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest

NO_LOG = "is 0, so nobody could say what the model answered; log 0.01 of the requests or more"
NO_METRIC = (
    "is empty; name the figure that says whether the model does its job in production, "
    "`share of alarms that were right`"
)
_TRAIN_AGAIN = "change the spec and train again: `servery train SPEC`"


def check_accountable(manifest: Manifest) -> None:
    """Let pass only a version that production can judge.

    Raises:
        InvalidInputError: it has no owner, an input or a figure without a unit, no production
            metric, or no log; every field that lacks something is named.
        ArtifactError: the spec in the manifest cannot be read.
    """
    violations = [*_offline_only(manifest.lineage.spec), *_anonymous(manifest)]
    if violations:
        told = "; ".join(f"{violation.field} {violation.message}" for violation in violations)
        raise InvalidInputError(
            f"{manifest.model} {manifest.version} may not be released: {told}; {_TRAIN_AGAIN}",
            tuple(violations),
        )


def _offline_only(spec: dict[str, Any]) -> list[Violation]:
    try:
        monitor = msgspec.convert(spec.get("monitor", {}), Monitor)
        log = msgspec.convert(spec.get("log", {}), Log)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"the spec in the manifest cannot be read: {error}") from error
    found = []
    if not monitor.production_metric.strip():
        found.append(Violation("monitor.production_metric", NO_METRIC))
    if log.sample == 0:
        found.append(Violation("log.sample", NO_LOG))
    return found


def _anonymous(manifest: Manifest) -> list[Violation]:
    found = []
    if not manifest.owner.strip():
        found.append(Violation("owner", "is empty; name who answers for the model"))
    for place, column in enumerate(manifest.signature.inputs):
        if not column.unit.strip():
            message = f"is empty for {column.name}; say '1' where it has none"
            found.append(Violation(f"signature.inputs[{place}].unit", message))
    if not manifest.signature.output.unit.strip():
        message = f"is empty for {manifest.signature.output.name}; say '1' where it has none"
        found.append(Violation("signature.output.unit", message))
    return found
