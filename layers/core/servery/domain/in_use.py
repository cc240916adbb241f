"""Who still wants a version: nothing that anybody may send a request to is taken away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from servery.domain.named_versions import join, named_versions

if TYPE_CHECKING:
    from servery.domain.batches import Batch
    from servery.domain.deployment import Deployment
    from servery.domain.graphs import GraphSpec
    from servery.domain.manifest import ModelRef


def held(refs: Iterable[ModelRef], deployment: Deployment | None) -> list[str]:
    """As what artifacts are served that may never go: champion, last good one, rollout.

    What another model names as second stage, or as the lighter one to fall back to, is a model,
    and so its champion.
    """
    if deployment is None:
        return []
    prefixes = {ref.prefix for ref in refs}
    roles = [("the champion", deployment.champion)]
    if deployment.last_good is not None:
        roles.append(("the last good one", deployment.last_good))
    found = [f"it is {role}" for role, served in roles if served.ref.prefix in prefixes]
    rollout = deployment.rollout
    if rollout is not None and deployment.served(rollout.version).ref.prefix in prefixes:
        found.append(f"release {rollout.release} is bringing it to its traffic")
    return found


def routed(version: str, deployment: Deployment | None) -> list[str]:
    """The policies of a deployment that name a version."""
    paths = named_versions(deployment.policies).get(version) if deployment else None
    return [f"{join(paths)} names it"] if paths else []


def halved(refs: Iterable[ModelRef], others: Iterable[Deployment]) -> list[str]:
    """Where the other half of one of the pairs is served: it asks for this half."""
    pairs = {ref.pair: ref for ref in refs if ref.pair}
    return [
        f"{other.model} serves the other half of it, {served.ref.version}"
        for other in others
        for served in other.serving()
        if served.ref.pair in pairs and other.model != pairs[served.ref.pair].model
    ]


def asked_by(model: str, version: str, graph: GraphSpec) -> bool:
    """Whether a graph names a version of a model."""
    return (model, version) in set(_named(graph))


def _named(graph: GraphSpec) -> Iterator[tuple[str, str]]:
    for step in graph.steps:
        yield step.model or "", step.version
        for member in step.group.members if step.group is not None else ():
            yield member.model, member.version


def pinned(version: str, batches: Iterable[Batch]) -> list[str]:
    """The unfinished batches that are predicted by a version."""
    return [
        f"the batch {batch.id} is predicted by it"
        for batch in batches
        if not batch.state.final and batch.ref is not None and batch.ref.version == version
    ]
