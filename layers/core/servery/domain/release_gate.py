"""What the gate of a release finds, out of what is known of a version and of the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.manifest import Runtime
from servery.domain.metrics import HIGHER_IS_BETTER
from servery.domain.records import Outcome
from servery.domain.release_evidence import Check, GateFinding, Verdict
from servery.domain.release_records import ReleaseOrigin
from servery.domain.release_rules import Approval
from servery.domain.signature_diff import signature_changes
from servery.domain.spec import Gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.manifest import Manifest
    from servery.domain.records import TrainingRecord
    from servery.domain.release_rules import ReleaseRules

_MB = 10**6


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec says about judging the model, whatever else it says.

    Attributes:
        metric: The metric that decides; empty where the spec names none.
        gates: The bounds.
    """

    metric: str = ""
    gates: Gates = msgspec.field(default_factory=Gates)


def judged_by(manifest: Manifest) -> Judged:
    """What the spec of a training says that it is judged by; nothing where it cannot be read."""
    try:
        return msgspec.convert(manifest.lineage.spec, Judged)
    except msgspec.ValidationError:
        return Judged()


def own_findings(manifest: Manifest) -> list[GateFinding]:
    """What the gate finds of a version alone: proof, bounds, latency and size.

    The bounds were held against at the training; a release lasts longer than that.
    """
    accountable = GateFinding(
        check=Check.ACCOUNTABILITY,
        verdict=Verdict.PASSED,
        said=f"{manifest.owner} answers for it, and its log and production metric are named",
    )
    judged = judged_by(manifest)
    return [
        accountable,
        _export(manifest),
        *_bounds(manifest, judged),
        *_budget(manifest, judged.gates),
    ]


def _export(manifest: Manifest) -> GateFinding:
    parity = manifest.parity
    if manifest.runtime is Runtime.ONNX and not parity.exported:
        return _finding(Check.EXPORT, Verdict.REFUSED, f"the graph is not proven: {parity.reason}")
    if manifest.runtime is not Runtime.ONNX:
        return _finding(
            Check.EXPORT,
            Verdict.PASSED,
            f"it is served as it was trained: {parity.reason or manifest.runtime_reason}",
        )
    if not parity.rows:
        return _finding(Check.EXPORT, Verdict.PASSED, "it came as a graph, so nothing was exported")
    said = f"the graph answers {parity.rows} held-out rows as the pipeline does"
    return _finding(Check.EXPORT, Verdict.PASSED, said)


def _bounds(manifest: Manifest, judged: Judged) -> list[GateFinding]:
    name, gates = judged.metric, judged.gates
    if name not in manifest.metrics:
        return []
    value, found = manifest.metrics[name], []
    if gates.minimum is not None:
        said = f"{name} is {value:.6g}, the minimum {gates.minimum:g}"
        found.append(_held(Check.BOUNDS, value >= gates.minimum, said, value, gates.minimum))
    if gates.maximum is not None:
        said = f"{name} is {value:.6g}, the maximum {gates.maximum:g}"
        found.append(_held(Check.BOUNDS, value <= gates.maximum, said, value, gates.maximum))
    return found


def _budget(manifest: Manifest, gates: Gates) -> list[GateFinding]:
    figures = manifest.figures.get(manifest.runtime)
    if figures is None:
        return []
    found = []
    if gates.latency_p99_ms is not None:
        p99, most = figures.one_row.p99_ms, gates.latency_p99_ms
        said = f"the p99 of one row is {p99:.6g} ms, the limit {most:g} ms"
        found.append(_held(Check.LATENCY, p99 <= most, said, p99, most))
    if gates.size_mb is not None:
        size = figures.size_bytes / _MB
        said = f"the model has {size:.6g} MB, the limit is {gates.size_mb:g} MB"
        found.append(_held(Check.SIZE, size <= gates.size_mb, said, size, gates.size_mb))
    return found


def signature_finding(before: Manifest, after: Manifest, origin: ReleaseOrigin) -> GateFinding:
    """Whether callers would notice; what no person asked for needs an approval then."""
    changes = signature_changes(before.signature, after.signature)
    if not changes:
        return _finding(Check.SIGNATURE, Verdict.PASSED, "callers notice nothing")
    told = f"callers would notice: {'; '.join(changes)}"
    by_hand = origin is ReleaseOrigin.COMMAND
    return _finding(Check.SIGNATURE, Verdict.PASSED if by_hand else Verdict.APPROVE, told)


def compared(
    manifest: Manifest,
    champion: str,
    theirs: float,
    rules: ReleaseRules,
    origin: ReleaseOrigin,
) -> GateFinding:
    """Whether a version is worse than the champion on the same held-out rows.

    Args:
        manifest: Of the version.
        champion: Name of the champion's version.
        theirs: The champion's figure on these rows.
        rules: How the version is released.
        origin: A person who asks for a release by hand is told, and decides.
    """
    name = judged_by(manifest).metric
    own = manifest.metrics[name]
    higher = HIGHER_IS_BETTER[manifest.signature.task][name]
    loss = theirs - own if higher else own - theirs
    said = f"{name} is {own:.6g} on the held-out rows, {champion} has {theirs:.6g} there"
    verdict = Verdict.PASSED
    if loss > rules.tolerance:
        said += f"; it is worse by {loss:.6g}, and {rules.tolerance:g} is tolerated"
        asked = origin is ReleaseOrigin.COMMAND and rules.compare is None
        verdict = Verdict.PASSED if asked or rules.compare is False else Verdict.REFUSED
        said += "; released by hand all the same" if asked else ""
    return GateFinding(
        check=Check.CHAMPION,
        verdict=verdict,
        said=said,
        value=own,
        champion=theirs,
        bound=rules.tolerance,
    )


def not_compared(why: str) -> GateFinding:
    """Nobody can say whether a version is better than the champion, and why."""
    return _finding(Check.CHAMPION, Verdict.NOT_COMPARED, f"not compared: {why}")


def wants_approval(
    rules: ReleaseRules,
    origin: ReleaseOrigin,
    *,
    searched: bool,
    first: bool,
    earlier: Sequence[TrainingRecord],
) -> list[str]:
    """What a person has to approve a release for, as sentences; nothing where nobody has to.

    Args:
        rules: How the version is released.
        origin: A release that a person asks for has been approved by that, but for `always`.
        searched: Whether the version is the winner of a search.
        first: Whether the model has no champion yet.
        earlier: The runs of training before this one, newest first.
    """
    found = []
    if Approval.ALWAYS in rules.approval:
        found.append("every release of the model is approved by a person")
    if origin is ReleaseOrigin.COMMAND:
        return found
    if Approval.FIRST in rules.approval and first:
        found.append("it would be the first champion of the model")
    if Approval.SEARCH in rules.approval and searched:
        found.append("it is the winner of a search, chosen among many on the same rows")
    if Approval.UNSTABLE in rules.approval:
        found += unstable(earlier, rules.unstable_after)
    return found


def unstable(earlier: Sequence[TrainingRecord], most: int) -> list[str]:
    """Why the training of a model counts as unstable; nothing where it does not.

    Several went badly one after the other, or of twice as many every second one did.
    """
    ended = [run for run in earlier if run.outcome is not Outcome.DONE][: 2 * most]
    bad = [run.outcome in {Outcome.REFUSED, Outcome.FAILED} for run in ended]
    if len(bad) >= most and all(bad[:most]):
        return [f"the {most} trainings before it were refused or failed"]
    if len(bad) == 2 * most and sum(bad) >= most:
        return [f"of the {2 * most} trainings before it, {sum(bad)} were refused or failed"]
    return []


def _finding(check: Check, verdict: Verdict, said: str) -> GateFinding:
    return GateFinding(check=check, verdict=verdict, said=said)


def _held(check: Check, passed: bool, said: str, value: float, bound: float) -> GateFinding:
    verdict = Verdict.PASSED if passed else Verdict.REFUSED
    return GateFinding(check=check, verdict=verdict, said=said, value=value, bound=bound)
