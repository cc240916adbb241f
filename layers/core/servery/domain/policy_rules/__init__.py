"""The rules that types alone cannot say about the policies of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.policy_rules.answers import check_fallbacks, check_threshold
from servery.domain.policy_rules.budgets import check_budgets
from servery.domain.policy_rules.conditions import check_branches
from servery.domain.policy_rules.experiment import check_experiment
from servery.domain.policy_rules.grounds import Grounds
from servery.domain.policy_rules.versions import check_versions

if TYPE_CHECKING:
    from servery.domain.policies import Policies
    from servery.errors import Violation

__all__ = ["Grounds", "broken_rules", "misfits"]

_OF_THE_MODEL = (
    check_versions,
    check_branches,
    check_experiment,
    check_threshold,
    check_fallbacks,
)


def broken_rules(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Everything that is wrong with policies, by field; empty where they hold together.

    Raises:
        ArtifactError: the manifest of a version that they name cannot be read.
    """
    return [*misfits(policies, grounds), *check_budgets(policies, grounds)]


def misfits(policies: Policies, grounds: Grounds) -> list[Violation]:
    """What of policies does not fit who is served, and the champion's inputs and output.

    Raises:
        ArtifactError: the manifest of a version that they name cannot be read.
    """
    return [violation for check in _OF_THE_MODEL for violation in check(policies, grounds)]
