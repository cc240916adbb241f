"""The stages of a rollout: each is begun, looked at, and in the end judged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from servery.domain.judging import Verdict
from servery.domain.release_evidence import StageJudgement
from servery.domain.release_stages import next_look, planned, rules_of
from servery.domain.rollout import Rollout
from servery.domain.rollouts import with_rollout
from servery.errors import ConflictError
from servery.usecases.release.beginning import going, opened
from servery.usecases.release.change import alter
from servery.usecases.release.messages import Progress, Then
from servery.usecases.release.target import find_target

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.release_rules import ReleaseRules
    from servery.ports import Judge
    from servery.usecases.release.journal import Journal, RecordPorts
    from servery.usecases.release.messages import StateEvent


def start_stage(event: StateEvent, ports: RecordPorts) -> Progress:
    """Give the version the share of the next stage; crown it where there is none left.

    Begun twice, a stage keeps the time at which it was begun first.

    Raises:
        ConflictError: the release is to stop, or who answers has changed meanwhile.
    """
    journal = opened(event, ports)
    stages = planned(_rules(journal, ports))
    if journal.record.passed >= len(stages):
        return going(event, Then.CROWN)
    stage = stages[journal.record.passed]

    def grown(now: Deployment | None) -> Deployment | None:
        rollout = own_rollout(now, journal)
        if (rollout.stage, rollout.share) == (stage.stage, stage.share):
            return now
        time = ports.clock.now()
        new = Rollout(
            release=rollout.release,
            version=rollout.version,
            stage=stage.stage,
            share=stage.share,
            since=time.isoformat(),
        )
        reason = f"{journal.reason}: {stage.stage} {stage.share:g}"
        return now and with_rollout(now, new, now=time.timestamp(), reason=reason)

    since = own_rollout(alter(event.model, grown, ports), journal).since
    said = f"{stage.share:g} of the requests for {stage.seconds} s"
    if not any((s.name, s.detail) == (stage.stage, said) for s in journal.record.steps):
        journal.did(str(stage.stage), said)
    elapsed = (ports.clock.now() - datetime.fromisoformat(since)).total_seconds()
    return going(event, Then.WAIT, next_look(stage, elapsed))


def judge_stage(event: StateEvent, ports: RecordPorts, judge: Judge) -> Progress:
    """Judge a stage: while it goes on for what is beyond doubt, in full once its time is over.

    Where there is too little evidence it goes on, as long as the patience of its rules lasts.
    Called once more after a judgement was written down, it says the same again: a stage that was
    never begun is not judged, and one that failed is not judged twice.

    Raises:
        ConflictError: the release is to stop, or who answers has changed meanwhile.
    """
    journal = opened(event, ports)
    rules = _rules(journal, ports)
    stages = planned(rules)
    before = journal.record.judgements
    if before and before[-1].judgement.verdict is not Verdict.PASS:
        return going(event, Then.ROLL_BACK)
    if journal.record.passed >= len(stages):
        return going(event, Then.CROWN)
    stage = stages[journal.record.passed]
    deployment = ports.registry.deployment(event.model)
    rollout = own_rollout(deployment, journal)
    if (rollout.stage, rollout.share) != (stage.stage, stage.share):
        return going(event, Then.STAGE)
    since = datetime.fromisoformat(rollout.since)
    now = ports.clock.now()
    elapsed = (now - since).total_seconds()
    final = elapsed >= stage.seconds
    judgement = judge(deployment, rules.judging, since=since, until=now, final=final)
    seen = StageJudgement(
        stage=stage.stage, share=stage.share, at=now.isoformat(), judgement=judgement
    )
    patient = elapsed < stage.seconds + rules.judging.patience_s
    if not (final or judgement.verdict is Verdict.FAIL) or (
        judgement.verdict is Verdict.UNKNOWN and patient
    ):
        journal.lives(seen=seen)
        return going(event, Then.WAIT, next_look(stage, elapsed))
    return going(event, _judged(seen, journal, left=len(stages)))


def _judged(kept: StageJudgement, journal: Journal, *, left: int) -> Then:
    """Write the judgement down; where it leads."""
    record, judgement = journal.record, kept.judgement
    passed = record.passed + (judgement.verdict is Verdict.PASS)
    journal.did(
        "judge",
        f"{kept.stage} {kept.share:g}: {judgement.verdict}; {judgement.said}",
        judgements=[*record.judgements, kept],
        passed=passed,
        seen=None,
    )
    if passed == record.passed:
        return Then.ROLL_BACK
    return Then.STAGE if passed < left else Then.CROWN


def _rules(journal: Journal, ports: RecordPorts) -> ReleaseRules:
    target = find_target(
        journal.record,
        registry=ports.registry,
        objects=ports.objects,
        created=ports.clock.now().isoformat(),
    )
    return rules_of(target.manifest)


def own_rollout(deployment: Deployment | None, journal: Journal) -> Rollout:
    """The rollout of this very release, beside the champion that it was compared with.

    Raises:
        ConflictError: it was taken out, or another is champion now.
    """
    rollout = None if deployment is None else deployment.rollout
    if deployment is None or rollout is None or rollout.release != journal.record.id:
        raise ConflictError("somebody else has taken its version out of the traffic")
    if deployment.champion.ref.version != journal.record.against:
        raise ConflictError(f"who is served of {deployment.model} has changed meanwhile")
    return rollout
