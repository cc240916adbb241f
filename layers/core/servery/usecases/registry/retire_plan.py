"""What would be retired of a model and why, and what stays and why; nothing is changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.keeping_rules import Retirement
from servery.domain.release_order import current
from servery.domain.retirements import RetiredVersion, Stage, Why
from servery.usecases.registry.retire_holds import holds
from servery.usecases.registry.retire_ports import owned
from servery.usecases.registry.views import role_of

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.evaluations import Evaluation
    from servery.usecases.registry.retire_ports import Owned, RetirePorts

FRESH = timedelta(days=2)
"""How old an evaluation may be that a version is called beaten by."""


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one version.

    Attributes:
        version: Which.
        served: champion, last_good, candidate, or empty where nobody serves it.
        goes: Whether it is retired at the next look.
        why: What for; None where there is no evidence.
        because: The evidence, or what there is to say instead.
        holds: What keeps it although there is evidence.
        retired: The retirement that is under way or over; None for none.
    """

    version: str
    served: str = ""
    goes: bool = False
    why: Why | None = None
    because: str = ""
    holds: list[str] = []
    retired: RetiredVersion | None = None


class RetirePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the versions of a model, by its spec's `retire`."""

    model: str
    rules: Retirement
    versions: list[Prospect]


class _Rules(msgspec.Struct, frozen=True, kw_only=True):
    retire: Retirement = msgspec.field(default_factory=Retirement)


def retire_rules(model: str, ports: RetirePorts) -> Retirement:
    """What the spec says; `NotFoundError` where there is no such model."""
    return msgspec.convert(ports.registry.model(model).spec, _Rules).retire


def plan(model: str, ports: RetirePorts) -> RetirePlan:
    """Look at every version of a model that has artifacts.

    Raises:
        NotFoundError: there is no such model.
    """
    rules = retire_rules(model, ports)
    deployment = current(model, ports.registry)
    evaluations = {e.version: e for e in ports.kept.evaluations(model)}
    retired = {r.version: r for r in ports.kept.retirements(model)}
    return RetirePlan(
        model=model,
        rules=rules,
        versions=[
            _prospect(
                subject,
                deployment,
                rules,
                evaluations.get(subject.record.version),
                retired.get(subject.record.version),
                ports=ports,
            )
            for subject in owned(model, ports.registry)
        ],
    )


def _prospect(
    subject: Owned,
    deployment: Deployment | None,
    rules: Retirement,
    evaluation: Evaluation | None,
    retired: RetiredVersion | None,
    *,
    ports: RetirePorts,
) -> Prospect:
    version = subject.record.version
    served = role_of(deployment, version)
    if retired is not None and retired.stage is not Stage.KEPT:
        return Prospect(
            version=version, served=served, why=retired.why, because=retired.because,
            retired=retired,
        )  # fmt: skip
    why, because = evidence(
        subject, rules, evaluation, champion=_champion(deployment), served=bool(served),
        now=ports.clock.now(),
    )  # fmt: skip
    keeping = holds(subject, ports) if why else []
    return Prospect(
        version=version,
        served=served,
        goes=why is not None and not keeping,
        why=why,
        because=because,
        holds=keeping,
        retired=retired,
    )


def evidence(
    subject: Owned,
    rules: Retirement,
    evaluation: Evaluation | None,
    *,
    champion: str,
    served: bool,
    now: datetime,
) -> tuple[Why | None, str]:
    """Why a version is to go, if it is, and the sentence that says so or says why not.

    Args:
        subject: The version.
        rules: Of the spec.
        evaluation: What it is worth, as far as anybody knows.
        champion: The version that it would have to be worse than.
        served: Whether anybody serves it.
        now: The time.
    """
    against = evaluation.against if evaluation is not None else None
    if (
        rules.beaten
        and served
        and evaluation is not None
        and against is not None
        and against.worse
        and against.version == champion
        and now - datetime.fromisoformat(evaluation.at) <= FRESH
    ):
        return Why.BEATEN, (
            f"its {evaluation.metric} is {against.difference:+.4g} from that of the champion "
            f"{champion} ({against.low:+.4g} to {against.high:+.4g}) on {against.rows} labelled "
            f"rows, {against.how}"
        )
    registered = datetime.fromisoformat(subject.record.created)
    if rules.expired_days is not None and now - registered >= timedelta(days=rules.expired_days):
        return Why.EXPIRED, (
            f"it was registered {(now - registered).total_seconds() / 86400:.3g} days ago, and "
            f"expires after {rules.expired_days:g}"
        )
    return _unused(registered, rules, evaluation, served=served, now=now)


def _unused(
    registered: datetime,
    rules: Retirement,
    evaluation: Evaluation | None,
    *,
    served: bool,
    now: datetime,
) -> tuple[Why | None, str]:
    if rules.unused_days is None:
        return None, "nothing of the spec's `retire` applies to it"
    if served and evaluation is None:
        return None, "it was not evaluated yet, so nobody knows when it was asked"
    if served and evaluation is not None and evaluation.sampled:
        return None, "the log has a sample of its requests only, which proves nobody unused"
    times = [registered]
    if evaluation is not None:
        # Nobody is sent to a version that has no server, so what was seen last holds.
        seen = [evaluation.asked, evaluation.watched if served else ""]
        seen += [evaluation.at] if evaluation.sampled else []
        times += [datetime.fromisoformat(time) for time in seen if time]
    quiet = now - max(times)
    days = quiet.total_seconds() / 86400
    if quiet < timedelta(days=rules.unused_days):
        return None, f"it was asked, or came, {days:.3g} days ago"
    return Why.UNUSED, f"nobody has asked it for {days:.3g} days; {rules.unused_days:g} are allowed"


def _champion(deployment: Deployment | None) -> str:
    return "" if deployment is None else deployment.champion.ref.version
