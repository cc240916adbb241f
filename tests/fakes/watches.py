"""The watch in memory: what it keeps, who it tells, and looks that come out as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.clock import EPOCH, SetClock
from fakes.records import VERSION, a_deployment
from fakes.registry import MemoryRegistry
from servery.domain.watch_records import LookRecord, Telling, WatchRecord, bounded
from servery.domain.watching import (
    Alarm,
    AlarmState,
    Finding,
    Kind,
    Look,
    OpenAlarm,
    Severity,
    WatchState,
)
from servery.errors import ConflictError
from servery.usecases.monitoring.keeping_watch import WatchPorts

AT = EPOCH.isoformat()


def a_finding(subject: str = "petal_length", **changes: Any) -> Finding:
    values = {
        "kind": Kind.INPUT_DRIFT,
        "subject": subject,
        "severity": Severity.WARNING,
        "said": f"{subject} has drifted",
        "value": 0.4,
        "bound": 0.1,
        "p": 1e-9,
        "samples": 500,
    }
    return Finding(**(values | changes))


def an_alarm(subject: str = "petal_length", state: str = "opened", **changes: Any) -> Alarm:
    return Alarm(state=AlarmState(state), finding=a_finding(subject, **changes), since=AT)


def an_open_alarm(subject: str = "petal_length", **changes: Any) -> OpenAlarm:
    finding = a_finding(subject, **changes)
    return OpenAlarm(finding=finding, version=VERSION, since=AT, told=AT)


def a_look(model: str = "iris", **changes: Any) -> Look:
    values = {
        "model": model,
        "version": VERSION,
        "at": AT,
        "since": "2026-02-28T12:00:00+00:00",
        "until": AT,
        "requests": 500,
    }
    return Look(**(values | changes))


class MemoryWatches:
    """A `WatchStore` in memory; every record goes through JSON."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._looks: dict[str, dict[str, bytes]] = {}
        self.writes: list[WatchRecord] = []

    def watch(self, model: str) -> WatchRecord | None:
        found = self._records.get(model)
        return None if found is None else msgspec.json.decode(found, type=WatchRecord)

    def put(self, record: WatchRecord, look: LookRecord | None = None) -> None:
        known = self.watch(record.model)
        if record.revision != (0 if known is None else known.revision) + 1:
            raise ConflictError("the watch over the model was written by somebody else meanwhile")
        record = bounded(record)
        self._records[record.model] = msgspec.json.encode(record)
        self.writes.append(record)
        if look is not None:
            self._looks.setdefault(record.model, {})[look.id] = msgspec.json.encode(look)

    def looks(self, model: str, limit: int = 20, before: str = "") -> list[LookRecord]:
        found = self._looks.get(model, {})
        names = sorted((n for n in found if not before or n < before), reverse=True)
        return [msgspec.json.decode(found[name], type=LookRecord) for name in names[:limit]]


class FakeTeller:
    """Remembers what it was told; raises `failure` instead when there is one."""

    def __init__(self, name: str = "topic") -> None:
        self.name = name
        self.told: list[Telling] = []
        self.failure: Exception | None = None

    def tell(self, telling: Telling) -> None:
        if self.failure is not None:
            raise self.failure
        self.told.append(telling)


class MemoryReports:
    """Remembers which reports were written."""

    def __init__(self) -> None:
        self.written: dict[str, Look] = {}
        self.failure: Exception | None = None

    def write(self, identity: str, look: Look, state: WatchState, *, lasting: bool) -> str:
        if self.failure is not None:
            raise self.failure
        key = f"reports/{look.model}/{identity if lasting else 'hour'}"
        self.written[key] = look
        return key


@dataclass
class WatchPlant:
    """The watch over some models that are in service.

    Attributes:
        looks: What the next look at a model comes to: a look, or an error.
        looked: Models in the order in which they were looked at.
        on_look: Is called with the model before it is looked at.
    """

    models: tuple[str, ...] = ("iris",)
    clock: SetClock = field(default_factory=SetClock)
    store: MemoryWatches = field(default_factory=MemoryWatches)
    reports: MemoryReports = field(default_factory=MemoryReports)
    bus: FakeTeller = field(default_factory=lambda: FakeTeller("bus"))
    topic: FakeTeller = field(default_factory=FakeTeller)
    looks: dict[str, Look | Exception] = field(default_factory=dict)
    looked: list[str] = field(default_factory=list)
    on_look: Callable[[str], None] = lambda _model: None

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry()
        for model in self.models:
            self.registry.put_deployment(a_deployment(model=model))
        names = iter(range(10**6))
        self.ports = WatchPorts(
            registry=self.registry,
            store=self.store,
            look=self._look,
            reports=self.reports,
            tellers=[self.bus, self.topic],
            clock=self.clock,
            entropy=lambda: f"{next(names):04d}",
            playbooks="infra/playbooks",
        )

    def _look(self, deployment: Any, state: WatchState, _now: Any) -> tuple[Look, WatchState]:
        model = deployment.model
        self.on_look(model)
        self.looked.append(model)
        found = self.looks.get(model) or a_look(model)
        if isinstance(found, Exception):
            raise found
        opened = {f"{a.finding.kind.value}:{a.finding.subject}": a.finding for a in found.alarms}
        alarms = {
            key: OpenAlarm(finding=finding, version=VERSION, since=AT, told=AT)
            for key, finding in opened.items()
        }
        return found, msgspec.structs.replace(state, open=alarms, looks=state.looks + 1)
