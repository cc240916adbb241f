"""What is measured against what is promised: deadline, online budget, log and cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.accountability import NO_LOG
from servery.domain.online_budget import excesses
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Policies
    from servery.domain.policy_rules.grounds import Grounds

PERSONAL = "would keep answers, and those of this model are about persons (its target is personal)"


def check_budgets(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Nothing that the champion is known not to keep, and no deployment without a log."""
    return [
        *_log(policies),
        *_cache(policies, grounds),
        *_deadline(policies, grounds),
        *_online(policies, grounds),
    ]


def _log(policies: Policies) -> list[Violation]:
    return [Violation("log_sample", NO_LOG)] if policies.log_sample == 0 else []


def _cache(policies: Policies, grounds: Grounds) -> list[Violation]:
    cache, before = policies.cache, grounds.deployment.policies.cache
    if cache is None:
        return []
    found: list[Violation] = []
    if "output" in grounds.deployment.champion.unlogged:
        found.append(Violation("cache", PERSONAL))
    if cache.hot_seconds > cache.seconds:
        found.append(Violation("cache.hot_seconds", "is more than cache.seconds"))
    if before is not None and cache.generation < before.generation:
        message = f"is {before.generation} now and only rises: what was forgotten stays so"
        found.append(Violation("cache.generation", message))
    return found


def _deadline(policies: Policies, grounds: Grounds) -> list[Violation]:
    figures = grounds.figures
    if policies.deadline_ms is None or figures is None:
        return []
    p99 = figures.one_row.p99_ms
    if policies.deadline_ms > p99:
        return []
    version = grounds.deployment.champion.ref.version
    message = f"{version} takes {p99:.4g} ms for one row (p99); say more, or release a faster one"
    return [Violation("deadline_ms", message)]


def _online(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Refuse a budget that shuts the champion out, unless that is meant."""
    if grounds.online_given_up:
        return []
    ends = (
        f"{grounds.deployment.champion.ref.version} would refuse synchronous traffic and answer "
        "jobs and batches only; say give_up_online where that is meant"
    )
    found = excesses(grounds.figures, policies.online)
    return [Violation(f"online.{excess.setting}", f"{excess.told}; {ends}") for excess in found]
