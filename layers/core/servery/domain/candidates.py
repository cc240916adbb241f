"""Candidates: versions that have a server beside champion and last good one, for the policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment, Served, change
from servery.domain.named_versions import join, named_versions
from servery.errors import ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef

MOST_CANDIDATES = 5
HALF = (
    "{model} is the {part} of a pair, and halves are released together: a candidate of one would "
    "find no half of its own, or would be asked with the features of another training; release "
    "the pair, or train the model without `pair` and compare that"
)


def check_whole(ref: ModelRef) -> None:
    """Let pass only whole models: of a pair no half can be served beside the champion's.

    Raises:
        InvalidInputError: it is a half.
    """
    if ref.part is not None:
        raise InvalidInputError(HALF.format(model=ref.model, part=ref.part))


def check_room(deployment: Deployment, version: str) -> None:
    """Let pass only a version for which there is room among the candidates.

    Raises:
        ConflictError: there are as many others as there may be.
    """
    others = [c.ref.version for c in deployment.candidates if c.ref.version != version]
    if len(others) >= MOST_CANDIDATES:
        model = deployment.model
        raise ConflictError(
            f"{model} has {len(others)} candidates, {MOST_CANDIDATES} are the most: "
            f"{', '.join(others)}; take one out with `servery retire {model} VERSION`"
        )


def sharing(deployment: Deployment, ref: ModelRef, *, beside: bool) -> list[Served]:
    """Whose server a version may answer from too, those that have it in memory first.

    Champion and last good one may share one that loads models: a roll back is instant then. A
    candidate is asked while the champion is, so it shares with nobody but its own version: a
    server keeps two models, and would load them in turn.

    Args:
        deployment: Who is served.
        ref: The version.
        beside: Whether it is a candidate.
    """
    same = [served for served in deployment.serving() if served.ref == ref]
    if beside:
        return same
    first = (deployment.champion, deployment.last_good)
    return [*same, *(s for s in first if s is not None and s not in same)]


def add_candidate(deployment: Deployment, served: Served, *, now: float, reason: str) -> Deployment:
    """Serve a version beside the champion; one of the same name is replaced in its place.

    The last good one can be a candidate too: it then stays when the next champion comes.

    Raises:
        InvalidInputError: it is half of a pair.
        ConflictError: it is the champion, or there are as many candidates as there may be.
    """
    check_whole(served.ref)
    version = served.ref.version
    if deployment.champion.ref.version == version:
        raise ConflictError(f"{version} is the champion of {deployment.model}, and served as such")
    check_room(deployment, version)
    candidates = {c.ref.version: c for c in deployment.candidates} | {version: served}
    after = msgspec.structs.replace(deployment, candidates=list(candidates.values()))
    return change(deployment, after, now=now, reason=reason)


def retire_candidate(
    deployment: Deployment, version: str, *, now: float, reason: str
) -> Deployment:
    """Stop serving a candidate; who is the last good one besides stays that.

    Raises:
        NotFoundError: it is no candidate.
        ConflictError: a policy names it, and nobody else would serve it, or a release is bringing
            it to its traffic.
    """
    left = [c for c in deployment.candidates if c.ref.version != version]
    if len(left) == len(deployment.candidates):
        known = ", ".join(c.ref.version for c in left) or "none"
        raise NotFoundError(f"{deployment.model} has no such candidate; candidates are {known}")
    rollout = deployment.rollout
    if rollout is not None and rollout.version == version:
        raise ConflictError(
            f"release {rollout.release} is bringing {version} of {deployment.model} to its "
            f"traffic; stop that first with `servery release abort {deployment.model}`"
        )
    after = msgspec.structs.replace(deployment, candidates=left)
    paths = named_versions(deployment.policies).get(version)
    if paths and version not in {served.ref.version for served in after.serving()}:
        raise ConflictError(
            f"{join(paths)} of {deployment.model} names {version}; take it out first with "
            f"`servery deployment edit {deployment.model}`"
        )
    return change(deployment, after, now=now, reason=reason)
