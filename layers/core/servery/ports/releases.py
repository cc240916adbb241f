"""What a release under way hears from outside, what carries it out, and what judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from servery.domain.deployment import Deployment, Served
    from servery.domain.judging import Judgement
    from servery.domain.manifest import Manifest
    from servery.domain.release_rules import Judging


class ReleaseSignals(Protocol):
    """What is said to a release that is under way, beside its record, which only it writes."""

    def keep_token(self, model: str, release: str, token: str) -> None:
        """Keep by what the execution that waits for an approval can be told to go on."""
        ...

    def token(self, model: str, release: str) -> str:
        """By what it can be told; empty where nothing waits."""
        ...

    def ask_abort(self, model: str, release: str, reason: str) -> None:
        """Ask a release to stop; asked twice, the first reason stays."""
        ...

    def abort_reason(self, model: str, release: str) -> str:
        """Why it is to stop; empty where nobody has asked it to."""
        ...


class ReleaseExecutions(Protocol):
    """The executions of the state machine that carries releases out."""

    def is_running(self, execution: str) -> bool:
        """Whether an execution goes on; one that nobody knows does not."""
        ...

    def go_on(self, token: str, output: dict[str, str]) -> None:
        """Let an execution go on that waits; `ConflictError` where none waits any more."""
        ...


class Judge(Protocol):
    """Judges the version of a rollout beside the champion."""

    def __call__(
        self,
        deployment: Deployment,
        rules: Judging,
        *,
        since: datetime,
        until: datetime,
        final: bool,
    ) -> Judgement:
        """What the evidence of that time comes to.

        Before the time of a stage is over (`final`) nothing passes, and only what is beyond doubt
        fails, so it may be asked again and again.
        """
        ...


class HeldOut(Protocol):
    """Asks a version that is served with the rows that another training held out."""

    def metrics(self, served: Served, champion: Manifest, manifest: Manifest) -> dict[str, float]:
        """The metrics of a served version on the held-out rows of a training.

        Args:
            served: Who is asked.
            champion: Its manifest.
            manifest: Of the training whose rows are asked with.

        `InvalidInputError` where it refuses such rows, `ArtifactError` where there are none.
        """
        ...
