"""The state Gate: whether a version may become champion at all, with figures and sentences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.manifest import MANIFEST, Manifest, Part, read_manifest
from servery.domain.release_evidence import ApprovalRecord, Decision, Verdict
from servery.domain.release_gate import (
    compared,
    judged_by,
    not_compared,
    own_findings,
    signature_finding,
    wants_approval,
)
from servery.domain.release_order import current
from servery.domain.release_records import ReleaseState
from servery.domain.release_stages import rules_of
from servery.errors import FaultError, RejectedError
from servery.usecases.release.beginning import going, opened
from servery.usecases.release.messages import Progress, Then
from servery.usecases.release.target import Target, find_target

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.domain.release_evidence import GateFinding
    from servery.domain.release_records import ReleaseOrigin, ReleaseRecord
    from servery.domain.release_rules import ReleaseRules
    from servery.ports import HeldOut, ObjectStore
    from servery.usecases.release.journal import Journal, RecordPorts
    from servery.usecases.release.messages import StateEvent

SEARCH = "search"


def gate(event: StateEvent, ports: RecordPorts, held_out: HeldOut) -> Progress:
    """Hold a version against its bounds and against the champion, and write what was found.

    After an approval it looks once more, since days may have passed: at the champion as it is
    now, and at who has answered.

    Raises:
        ConflictError: the release is to stop.
        RejectedError: the version may not be released at all; see `find_target`.
        ArtifactError: the artifact is not the one that was registered.
        RetryableError: the champion could not be asked now.
    """
    journal = opened(event, ports)
    target = find_target(
        journal.record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    rules = rules_of(target.manifest)
    deployment = current(event.model, ports.registry)
    findings = own_findings(target.manifest)
    if deployment is not None:
        findings += _beside(
            target,
            deployment.champion,
            rules=rules,
            origin=journal.record.origin,
            objects=ports.objects,
            held_out=held_out,
        )
    refused = [finding for finding in findings if finding.verdict is Verdict.REFUSED]
    journal.did(
        "gate",
        "; ".join(f.said for f in refused) or "passed",
        state=ReleaseState.RUNNING,
        findings=findings,
        against="" if deployment is None else deployment.champion.ref.version,
    )
    if refused:
        return going(event, Then.ROLL_BACK)
    why = [f.said for f in findings if f.verdict is Verdict.APPROVE]
    why += _policies(target, deployment, rules, journal.record, ports)
    return _approved(event, why, rules, journal, ports)


def _beside(
    target: Target,
    champion: Served,
    *,
    rules: ReleaseRules,
    origin: ReleaseOrigin,
    objects: ObjectStore,
    held_out: HeldOut,
) -> list[GateFinding]:
    """What is found beside the champion; one that cannot be read any more is said so."""
    if champion.ref.digest == target.ref.digest:
        return [not_compared("the champion is the same model")]
    try:
        ref = champion.ref
        theirs = read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
    except FaultError as error:
        return [not_compared(f"the champion's own record cannot be read: {error}")]
    signature = signature_finding(theirs, target.manifest, origin)
    name = judged_by(target.manifest).metric
    if target.ref.part is Part.PREPROCESSOR or name not in target.manifest.metrics:
        why = "its spec names no metric that both have"
        if target.ref.part is Part.PREPROCESSOR:
            why = "a preprocessor predicts nothing that could be scored"
        return [signature, not_compared(why)]
    try:
        figures = _on_the_same_rows(champion, theirs, target.manifest, held_out)
    except (RejectedError, FaultError) as error:
        return [signature, not_compared(f"the champion cannot be asked with these rows: {error}")]
    if name not in figures:
        return [signature, not_compared(f"the champion has no {name}")]
    own = compared(target.manifest, champion.ref.version, figures[name], rules, origin)
    return [signature, own]


def _on_the_same_rows(
    champion: Served, theirs: Manifest, own: Manifest, held_out: HeldOut
) -> dict[str, float]:
    """The champion's figures on the rows that the new training held out."""
    before, after = theirs.lineage, own.lineage
    if (before.dataset, before.split) == (after.dataset, after.split):
        return theirs.metrics
    return held_out.metrics(champion, theirs, own)


def _policies(
    target: Target,
    deployment: Deployment | None,
    rules: ReleaseRules,
    record: ReleaseRecord,
    ports: RecordPorts,
) -> list[str]:
    source = target.production.promoted_from
    version = ports.registry.version(record.model, source or target.production.version)
    runs = ports.registry.runs(record.model, limit=2 * rules.unstable_after + 1)
    own = target.manifest.lineage.training_id
    return wants_approval(
        rules,
        record.origin,
        searched=version.origin == SEARCH,
        first=deployment is None,
        earlier=[run for run in runs if run.training_id != own],
    )


def _approved(
    event: StateEvent, why: list[str], rules: ReleaseRules, journal: Journal, ports: RecordPorts
) -> Progress:
    """Where a version goes on that passed: it is put up, unless a person has to say so first."""
    approval, now = journal.record.approval, ports.clock.now()
    if approval is not None and approval.decision is not None:
        approved = approval.decision is Decision.APPROVED
        return going(event, Then.PUT_UP if approved else Then.ROLL_BACK)
    if not why:
        return going(event, Then.PUT_UP)
    if approval is None:
        until = now + timedelta(hours=rules.approval_hours)
        approval = ApprovalRecord(why=why, asked=now.isoformat(), until=until.isoformat())
        journal.did("ask", "; ".join(why), approval=approval)
    left = (datetime.fromisoformat(approval.until) - now).total_seconds()
    if left <= 0:
        expired = msgspec.structs.replace(
            approval, decision=Decision.EXPIRED, answered=now.isoformat()
        )
        journal.did("expire", "nobody has answered", approval=expired)
        return going(event, Then.ROLL_BACK)
    return going(event, Then.ASK, max(1, int(left)))


def wait_for_approval(event: StateEvent, ports: RecordPorts) -> Progress:
    """Keep by what the execution is told to go on, and let others go first meanwhile.

    Raises:
        ConflictError: the release has ended or is to stop.
    """
    journal = opened(event, ports)
    ports.signals.keep_token(event.model, event.release, event.token)
    journal.wait()
    return going(event, Then.ASK)
