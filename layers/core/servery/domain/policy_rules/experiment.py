"""An experiment: variants that are told apart, shares that make a whole, a key that is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from servery.domain.signature import Dtype
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Experiment, Policies
    from servery.domain.policy_rules.grounds import Grounds

_ROUNDING = 1e-9
_AT = "routing.experiment"


def check_experiment(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Names, weights and the key."""
    experiment = policies.routing.experiment
    if experiment is None:
        return []
    return [*_variants(experiment), *_key(experiment, grounds)]


def _variants(experiment: Experiment) -> list[Violation]:
    found: list[Violation] = []
    names: set[str] = set()
    for place, variant in enumerate(experiment.variants):
        if variant.name in names:
            message = f"another variant is called {variant.name}"
            found.append(Violation(f"{_AT}.variants[{place}].name", message))
        names.add(variant.name)
    total = math.fsum(variant.weight for variant in experiment.variants)
    if abs(total - 1) > _ROUNDING:
        found.append(Violation(f"{_AT}.variants", f"the weights add up to {total:.9g}, and not 1"))
    return found


def _key(experiment: Experiment, grounds: Grounds) -> list[Violation]:
    if (experiment.header is None) == (experiment.column is None):
        return [Violation(_AT, "say the header or the column that has the key")]
    if experiment.column is None:
        return []
    column = grounds.input(experiment.column)
    if column is None:
        message = f"the model has no input {experiment.column}"
        return [Violation(f"{_AT}.column", message)]
    if column.dtype not in (Dtype.STRING, Dtype.INT):
        message = f"{column.name} is {column.dtype}; a key is text or a whole number"
        return [Violation(f"{_AT}.column", message)]
    return []
