"""What every act of the story works with: the clock, the callers, and what has happened so far."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from devkit import demo_lifecycle_timeline as timeline
from devkit.demo_lifecycle_timeline import Act, Kind, Mark, Timeline, clock
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devkit.api import Api
    from devkit.demo_lifecycle_traffic import Traffic
    from devkit.deployments import Deployed
    from devkit.screen import Screen

Found = TypeVar("Found")
_POLL = 0.5
_SECONDS = 600.0
_REVISIONS = 500


@dataclass
class Stage:
    """Where the story is played.

    Attributes:
        deployed: The stack.
        http: Its API.
        screen: Where progress is told.
        model: Name of the model in this run.
        traffic: The callers.
        doing: Says on a terminal what is under way.
        names: Version to what the story calls it.
        acts: Those that have begun.
        marks: What has happened.
        sleep: Waits for some seconds between two looks.
        monotonic: Counts seconds.
    """

    deployed: Deployed
    http: Api
    screen: Screen
    model: str
    traffic: Traffic
    doing: Callable[[str], None] = lambda _: None
    names: dict[str, str] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._began, self._moment = self.monotonic(), datetime.now(UTC)
        self.traffic.began(self._began)

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return self.monotonic() - self._began

    @property
    def path(self) -> str:
        """Path of the model in the API."""
        return f"/models/{quote(self.model, safe='')}"

    @contextlib.contextmanager
    def act(self, title: str) -> Iterator[None]:
        """An act, told of when it begins; its end is known when it is over."""
        since, place = self.now, len(self.acts)
        self.acts.append(Act(title, since, since))
        self.screen.note("")
        self.screen.note(f"{clock(since):>5}  {place + 1}. {title}")
        yield
        self.acts[place] = Act(title, since, self.now)

    def tell(self, what: str, detail: str = "", *, bad: bool = False) -> None:
        """A line on something that has happened."""
        self.screen.done(f"{clock(self.now):>5}  {what}", detail, failed=bad)

    def mark(self, kind: Kind, said: str, version: str = "", at: str = "") -> None:
        """Something for the timeline, told of too.

        Args:
            kind: What it is.
            said: A sentence.
            version: Of which; empty for all.
            at: When it was, ISO 8601; empty for now.
        """
        when = self._seconds(at) if at else self.now
        self.marks.append(Mark(when, kind, said, version))
        self.tell(str(kind), said, bad=kind in (Kind.REFUSED, Kind.ROLLED_BACK))

    def call(self, version: str, name: str) -> None:
        """Say what the story calls a version."""
        self.names[version] = name

    def title(self, version: str) -> str:
        """A version with what the story calls it."""
        name = self.names.get(version)
        return f"{version} ({name})" if name else version

    def wait(self, look: Callable[[], Found | None], what: str, *, pause: float = _POLL) -> Found:
        """Look again and again, until something is found.

        Raises:
            DevkitError: it took too long.
        """
        deadline = self.monotonic() + _SECONDS
        while True:
            found = look()
            if found is not None:
                return found
            if self.monotonic() > deadline:
                raise DevkitError(
                    f"Waited {_SECONDS:.0f} s in vain: {what}.",
                    f"See: servery models {self.model}, servery logs",
                )
            self.pulse(what)
            self.sleep(pause)

    def pulse(self, what: str) -> None:
        """On a terminal: what is waited for, and how the callers fare."""
        asked = self.traffic.asked
        failed = sum(each.failed for each in asked)
        self.doing(f"{clock(self.now):>5}  {what}   {len(asked):,} requests, {failed} failed")

    def deployment(self) -> dict[str, Any]:
        """Who answers for the model now."""
        view: dict[str, Any] = self.http.get(f"{self.path}/deployment")["current"]
        return view

    def champion(self) -> str:
        """The version that answers now."""
        return str(self.deployment()["champion"]["ref"]["version"])

    def rolled_out(self, release: str) -> str:
        """The version that a release has brought to its traffic; empty where it got none."""
        for revision in self._history():
            rollout = revision.get("rollout")
            if rollout and rollout["release"] == release:
                return str(rollout["version"])
        return ""

    def timeline(self) -> Timeline:
        """Everything so far; who had which part is what the deployment's history says."""
        history = self._history()
        length, asked = self.now, self.traffic.asked
        found = timeline.stretches(history, self._moment, length)
        marks = sorted(self.marks, key=lambda mark: mark.at)
        order = timeline.drawn_order(found, marks)
        return Timeline(
            title=f"The life of {self.model}",
            length=length,
            acts=self.acts,
            names={version: self.names.get(version, "") for version in order},
            stretches=found,
            marks=marks,
            seconds=timeline.per_second(asked, length),
            milliseconds=timeline.percentiles(asked),
        )

    def _history(self) -> list[dict[str, Any]]:
        return self.http.listed(f"{self.path}/deployment", "history", _REVISIONS)

    def _seconds(self, at: str) -> float:
        since = (datetime.fromisoformat(at) - self._moment).total_seconds()
        return min(self.now, max(0.0, since))
