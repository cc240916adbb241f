"""Which versions the policies of a deployment name, and where: none of them may go missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.policies import Policies


def named_versions(policies: Policies) -> dict[str, list[str]]:
    """The paths of the policies that name each version, `routing.branches[0].version`."""
    named: dict[str, list[str]] = {}
    routing = policies.routing
    if routing.version:
        named.setdefault(routing.version, []).append("routing.version")
    for place, branch in enumerate(routing.branches):
        named.setdefault(branch.version, []).append(f"routing.branches[{place}].version")
    if routing.experiment is not None:
        for place, variant in enumerate(routing.experiment.variants):
            path = f"routing.experiment.variants[{place}].version"
            named.setdefault(variant.version, []).append(path)
    if routing.shadow is not None:
        named.setdefault(routing.shadow.version, []).append("routing.shadow.version")
    return named


def join(paths: list[str]) -> str:
    """Paths as part of a sentence."""
    return " and ".join(filter(None, (", ".join(paths[:-1]), paths[-1])))
