"""What is known of the watch over a model, and asking for a look now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.watch_records import (
    LookFailure,
    LookRecord,
    new_watch,
    playbook_of,
    rank,
)
from servery.domain.watching import Finding, HourCounts, Look
from servery.errors import ArtifactError
from servery.usecases.monitoring.keeping_watch import new_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.watching import OpenAlarm
    from servery.ports import Clock, Documents, Registry
    from servery.ports.watching import LookQueue, WatchStore


class LookAsked(msgspec.Struct, frozen=True, kw_only=True):
    """That a look will be there soon.

    Attributes:
        model: Name of the model.
        look: The id that it will have.
    """

    model: str
    look: str


class OpenView(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that is open.

    Attributes:
        finding: As it was last.
        version: The version that was judged.
        since: Since when it is open, ISO 8601, UTC.
        told: When somebody was told of it last.
        playbook: What to do about it.
    """

    finding: Finding
    version: str
    since: str
    told: str
    playbook: str


class WatchView(msgspec.Struct, frozen=True, kw_only=True):
    """The watch over one model.

    Attributes:
        model: Name of the model.
        tried: When a look was begun last; empty before the first.
        last: The last look; None before the first.
        figures: All of its figures; None where its report is not there any more.
        open: Alarms that are open, the worst first.
        hours: Requests by the hour.
        failure: Why the last attempt came to nothing; None where it did not.
        waiting: Alarms that are still to be told.
        looks: The looks before, newest first.
        next: What `before` has to be for those before them; empty where there are none.
    """

    model: str
    tried: str = ""
    last: LookRecord | None = None
    figures: Look | None = None
    open: list[OpenView] = []
    hours: HourCounts = HourCounts()
    failure: LookFailure | None = None
    waiting: int = 0
    looks: list[LookRecord] = []
    next: str = ""


@dataclass(frozen=True, slots=True)
class WatchDesk:
    """Tells of the watch, and takes requests for looks.

    Attributes:
        registry: Which models there are.
        store: What is kept of the watch.
        reports: The pages of looks.
        queue: Who looks.
        clock: The time.
        entropy: A few random characters, for ids.
        playbooks: Where the playbooks are.
    """

    registry: Registry
    store: WatchStore
    reports: Documents
    queue: LookQueue
    clock: Clock
    entropy: Callable[[], str]
    playbooks: str

    def watch(self, model: str, limit: int = 20, before: str = "") -> WatchView:
        """What is known of the watch over a model.

        Raises:
            NotFoundError: there is no such model.
        """
        self.registry.model(model)
        record = self.store.watch(model) or new_watch(model)
        looks = self.store.looks(model, limit, before)
        return WatchView(
            model=model,
            tried=record.tried,
            last=record.last,
            figures=self._figures(record.last),
            open=self._open(record.state.open),
            hours=record.state.hours,
            failure=record.failure,
            waiting=sum(len(each.notices) for each in record.outbox),
            looks=looks,
            next=looks[-1].id if len(looks) == limit else "",
        )

    def ask(self, model: str) -> LookAsked:
        """Have a model looked at now.

        Raises:
            NotFoundError: it is not in service.
            UnavailableError: nobody can look now.
        """
        self.registry.deployment(model)
        look = new_identity(self.clock.now(), self.entropy)
        self.queue.start(model, look)
        return LookAsked(model=model, look=look)

    def _figures(self, last: LookRecord | None) -> Look | None:
        if last is None or not last.report:
            return None
        try:
            return msgspec.json.decode(self.reports.get(f"{last.report}.json"), type=Look)
        except (ArtifactError, msgspec.MsgspecError):
            return None

    def _open(self, alarms: dict[str, OpenAlarm]) -> list[OpenView]:
        found = sorted(alarms.values(), key=lambda a: (rank(a.finding.severity), a.since))
        return [
            OpenView(
                finding=alarm.finding,
                version=alarm.version,
                since=alarm.since,
                told=alarm.told,
                playbook=playbook_of(alarm.finding.kind, self.playbooks),
            )
            for alarm in found
        ]
