"""The deployment: the record that says who answers for a model, and the changes it can make."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from servery.domain.manifest import ModelRef, RuntimeFigures
from servery.domain.named_versions import join, named_versions
from servery.domain.personal import Personal
from servery.domain.policies import Policies
from servery.domain.rollout import Rollout
from servery.domain.serving import Limits, Mode
from servery.errors import ConflictError, NotFoundError


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Server(_Record, frozen=True, kw_only=True):
    """A model server: a published version of the predictor.

    Attributes:
        function: Qualified name or ARN by which it is invoked.
        function_version: Number of the published version.
        code: Identity of the code that it froze.
        mode: Whether the model is in its package or is loaded by reference.
        layer: ARN of the model's layer (image mode).
    """

    function: str
    function_version: str
    code: str
    mode: Mode
    layer: str = ""


class Served(_Record, frozen=True, kw_only=True):
    """A version that has a server.

    Attributes:
        ref: Which model.
        server: Where it runs.
        unlogged: What is about persons, in whole or in part: `input`, `output`.
        personal: What the prediction log does with the fields of that; None where nobody has
            said, and all of it is left out.
        partner: Name of the other half's model; empty for a whole model.
        figures: What it measured in the chosen runtime; None where nobody knows.
    """

    ref: ModelRef
    server: Server
    unlogged: list[str] = []
    personal: Personal | None = None
    partner: str = ""
    figures: RuntimeFigures | None = None


class Retired(_Record, frozen=True, kw_only=True):
    """A server that nobody is sent to any more.

    Attributes:
        server: Which.
        since: Since when, seconds since the epoch.
        grace: How many seconds it is kept; None for as long as any that falls out of use.
    """

    server: Server
    since: float
    grace: float | None = None


class Deployment(_Record, frozen=True, kw_only=True):
    """Who answers for a model.

    Attributes:
        model: Name of the model.
        revision: Raised by one with every change; a stale writer loses.
        champion: Who answers.
        last_good: Who answered before, and answers again after a roll back.
        candidates: Who is served beside them, for what the policies name.
        rollout: The candidate that a release is bringing to its traffic; None for none.
        retired: Servers that are taken out and not yet deleted.
        deadline_ms: How long a caller waits at the most: by the policies, or else by the spec.
        limits: Rows and bytes of one request.
        log_sample: Share of requests in the prediction log: by the policies, or else by the spec.
        second_stage: Name of the model that answers staged requests later; empty for none.
        policies: What stands between a request and the model.
        generation: Of the cache that the model has, or had last: what was forgotten stays so.
        changed: ISO 8601, UTC.
        reason: What the last change was.
    """

    model: str
    revision: int
    champion: Served
    last_good: Served | None = None
    candidates: list[Served] = []
    rollout: Rollout | None = None
    retired: list[Retired] = []
    deadline_ms: int = 10_000
    limits: Limits = msgspec.field(default_factory=Limits)
    log_sample: float = 1.0
    second_stage: str = ""
    policies: Policies = msgspec.field(default_factory=Policies)
    generation: int = 0
    changed: str = ""
    reason: str = ""

    def serving(self) -> list[Served]:
        """Everybody who has a server: champion, last good one, candidates, each of them once."""
        serving = [self.champion]
        for served in (self.last_good, *self.candidates):
            if served is not None and served not in serving:
                serving.append(served)
        return serving

    def served(self, version: str) -> Served:
        """Who serves a version.

        Raises:
            NotFoundError: nobody does; the sentence names those that are served.
        """
        serving = self.serving()
        for served in serving:
            if served.ref.version == version:
                return served
        known = [served.ref.version for served in serving]
        raise NotFoundError(
            f"no server runs that version of {self.model}; served are {', '.join(known)}"
        )

    def paired(self, pair: str) -> Served:
        """Who serves this half of a pair: the champion, or the last good one.

        A release changes the halves one after the other, and a request in between still finds
        two that belong together.

        Raises:
            NotFoundError: nobody does.
        """
        for candidate in (self.champion, self.last_good):
            if candidate is not None and candidate.ref.pair == pair:
                return candidate
        raise NotFoundError(f"no server of {self.model} was trained with that other half")


def crown(deployment: Deployment | None, served: Served, *, now: float, reason: str) -> Deployment:
    """Make `served` the champion; the old champion becomes the last good one.

    When the champion is that model already and only its server is another, the last good one
    stays: going back from a model to itself would be no way back. The record's own settings
    (deadline, limits) are kept; the caller sets them from the spec. The policies are kept, a
    candidate that is crowned is none any more, and a rollout has come to its end. A server that
    falls out of use is remembered as retired.

    Raises:
        ConflictError: a policy names a version that nobody would serve any more.
    """
    if deployment is None:
        return Deployment(model=served.ref.model, revision=1, champion=served, reason=reason)
    same = served.ref == deployment.champion.ref
    last_good = deployment.last_good if same else deployment.champion
    after = msgspec.structs.replace(
        deployment,
        champion=served,
        last_good=last_good,
        candidates=[c for c in deployment.candidates if c.ref.version != served.ref.version],
        rollout=None,
    )
    return change(deployment, after, now=now, reason=reason)


def renew(
    deployment: Deployment,
    *,
    champion: Server,
    last_good: Server | None,
    candidates: Sequence[Server | None] = (),
    now: float,
    reason: str,
) -> Deployment:
    """Leave who answers as it is, on other servers (those of newer code).

    Args:
        deployment: As it is.
        champion: The server of the champion from now on.
        last_good: The server of the last good one, where there is one that moves.
        candidates: The servers of the candidates in their order; None for one that stays. Those
            beyond the end stay.
        now: Seconds since the epoch.
        reason: What the change is.
    """
    kept = deployment.last_good
    if kept is not None and last_good is not None:
        kept = msgspec.structs.replace(kept, server=last_good)
    servers = [*candidates, *([None] * len(deployment.candidates))]
    after = msgspec.structs.replace(
        deployment,
        champion=msgspec.structs.replace(deployment.champion, server=champion),
        last_good=kept,
        candidates=[
            candidate if server is None else msgspec.structs.replace(candidate, server=server)
            for candidate, server in zip(deployment.candidates, servers, strict=False)
        ],
    )
    return change(deployment, after, now=now, reason=reason)


def roll_back(deployment: Deployment, *, reason: str) -> Deployment:
    """Put the last good version back; the champion becomes the last good one.

    The policies are kept: everybody whom they name is served as before. A rollout is over; its
    version stays a candidate.

    Raises:
        ConflictError: there is no last good version.
    """
    if deployment.last_good is None:
        raise ConflictError(f"{deployment.model} has had one release only; nothing to go back to")
    champion = deployment.last_good
    return msgspec.structs.replace(
        deployment,
        revision=deployment.revision + 1,
        champion=champion,
        last_good=deployment.champion,
        candidates=[c for c in deployment.candidates if c.ref.version != champion.ref.version],
        rollout=None,
        reason=reason,
    )


def forget(deployment: Deployment, *, now: float, grace: float) -> Deployment:
    """Leave out the servers that have been retired for `grace` seconds, or for their own."""
    retired = [
        r for r in deployment.retired if now - r.since < (grace if r.grace is None else r.grace)
    ]
    return msgspec.structs.replace(deployment, retired=retired)


def servers_of(deployment: Deployment) -> list[Server]:
    """Every server that the record names: those that answer and those that are retired."""
    serving = [served.server for served in deployment.serving()]
    return [*serving, *(retired.server for retired in deployment.retired)]


def change(before: Deployment, after: Deployment, *, now: float, reason: str) -> Deployment:
    """The next revision, with every server of `before` that no longer serves retired.

    Args:
        before: As it is.
        after: Who serves from now on; retired servers and the revision are worked out here.
        now: Seconds since the epoch.
        reason: What the change is.

    Raises:
        ConflictError: a policy names a version that nobody would serve any more.
    """
    _check_named(after)
    serving = {served.server.function for served in after.serving()}
    fallen = [Retired(server=served.server, since=now) for served in before.serving()]
    # One that is retired already keeps its time; several versions may share a server.
    out = {r.server.function: r for r in reversed([*before.retired, *fallen])}
    retired = [r for name, r in reversed(out.items()) if name not in serving]
    return msgspec.structs.replace(
        after, revision=before.revision + 1, retired=retired, reason=reason
    )


def _check_named(deployment: Deployment) -> None:
    served = {s.ref.version for s in deployment.serving()}
    for version, paths in named_versions(deployment.policies).items():
        if version not in served:
            model = deployment.model
            raise ConflictError(
                f"{join(paths)} of {model} names {version}, which nobody would serve any more; "
                f"keep it with `servery release {model} {version} --as candidate`, or take it out "
                f"with `servery deployment edit {model}`"
            )
