"""What is told of the watch over a model over HTTP, and how a look is asked for."""

from __future__ import annotations

import msgspec
import pytest
from fakes.api_calls import call
from fakes.object_store import MemoryObjectStore
from fakes.records import a_model
from fakes.watches import WatchPlant, a_finding, a_look, an_alarm
from servery.domain.watching import Kind, Severity
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.telemetry import Telemetry
from servery.edge.watch_api import WatchApi
from servery.errors import UnavailableError
from servery.usecases.monitoring.keeping_watch import watch_one
from servery.usecases.monitoring.watch_desk import WatchDesk


class Queue:
    """Remembers the looks that were asked for; raises `failure` instead when there is one."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []
        self.failure: Exception | None = None

    def start(self, model: str, look: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.started.append((model, look))


class Desk:
    """The desk over a watch in memory, and its routes."""

    def __init__(self) -> None:
        self.plant = WatchPlant()
        self.plant.registry.put_model(a_model())
        self.reports, self.queue = MemoryObjectStore(), Queue()
        self.desk = WatchDesk(
            registry=self.plant.registry,
            store=self.plant.store,
            reports=self.reports,
            queue=self.queue,
            clock=self.plant.clock,
            entropy=lambda: "abcd",
            playbooks="p",
        )
        calls = {**WatchApi(lambda: self.desk).calls(), "add_labels": None}
        self.api = Api("monitoring", calls, cors=Cors(""), telemetry=Telemetry("monitoring"))

    def look(self, identity: str, **changes: object) -> None:
        """A look comes to an end, and its report is written."""
        found = a_look(**changes)
        self.plant.looks["iris"] = found
        ports = self.plant.ports
        watch_one("iris", ports, identity=identity, wait=lambda _: None, seconds=lambda: 300.0)
        for key, written in self.plant.reports.written.items():
            self.reports.put(f"{key}.json", msgspec.json.encode(written))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_known_when_nobody_has_looked(desk):
    answer = call(desk.api, "GET", "/models/iris/watch")
    assert answer.status == 200
    assert (answer.body["last"], answer.body["open"], answer.body["looks"]) == (None, [], [])


def test_figures_and_open_alarms_are_told_when_there_was_a_look(desk):
    critical = an_alarm("5xx", severity=Severity.CRITICAL, kind=Kind.ERRORS)
    desk.look("look-1", findings=[a_finding()], alarms=[an_alarm(), critical])

    view = call(desk.api, "GET", "/models/iris/watch").body

    assert view["figures"]["requests"] == 500
    assert [each["finding"]["subject"] for each in view["open"]] == ["5xx", "petal_length"]
    assert view["open"][1]["playbook"] == "p/input-drift.md"
    assert (view["last"]["id"], view["last"]["opened"]) == ("look-1", 2)
    assert [each["id"] for each in view["looks"]] == ["look-1"]


def test_the_rest_is_told_when_the_report_is_not_there_any_more(desk):
    desk.look("look-1", alarms=[an_alarm()])
    desk.reports.objects.clear()
    view = desk.desk.watch("iris")
    assert view.figures is None
    assert view.last.id == "look-1"
    assert len(view.open) == 1


def test_looks_come_page_by_page_when_there_are_many(desk):
    for number in range(5):
        desk.look(f"look-{number}")
    first = call(desk.api, "GET", "/models/iris/watch?limit=3").body
    rest = call(desk.api, "GET", f"/models/iris/watch?limit=3&before={first['next']}").body
    assert [each["id"] for each in first["looks"]] == ["look-4", "look-3", "look-2"]
    assert [each["id"] for each in rest["looks"]] == ["look-1", "look-0"]
    assert rest["next"] == ""


def test_look_is_handed_over_when_it_is_asked_for(desk):
    answer = call(desk.api, "POST", "/models/iris/looks")
    assert (answer.status, answer.headers["location"]) == (202, "watch")
    assert answer.body == {"model": "iris", "look": "20260301T120000-abcd"}
    assert desk.queue.started == [("iris", "20260301T120000-abcd")]


def test_503_when_nobody_can_look(desk):
    desk.queue.failure = UnavailableError("nobody can look now", retry_after=5)
    answer = call(desk.api, "POST", "/models/iris/looks")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/models/nobody/watch"), ("POST", "/models/nobody/looks")]
)
def test_404_when_there_is_no_such_model(desk, method, path):
    assert call(desk.api, method, path).status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/models/iris/watch?days=3"), ("POST", "/models/iris/looks?x=1")]
)
def test_422_when_the_query_has_something_else(desk, method, path):
    assert call(desk.api, method, path).status == 422
