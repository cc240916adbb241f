"""What a look is told of its model: since when, by which rules, with which lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from fakes.lake_log import MemoryLake
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.rocks_in_service import MONITOR, in_service
from fakes.watched import MODEL, NOW, VERSION, a_label, traffic
from msgspec.structs import replace
from servery.domain.lake import day_prefix
from servery.domain.watching import Kind, Look, WatchState
from servery.errors import ArtifactError, UnavailableError
from servery.usecases.monitoring.gathering import Gatherer
from servery.usecases.monitoring.recording import UNKNOWN

TODAY = str(NOW.date())
DAY_AGO = NOW - timedelta(days=1)


class Requests:
    """Says how many there were, or fails."""

    def __init__(self) -> None:
        self.answer: int | None = None
        self.failure: Exception | None = None
        self.asked: list[tuple[Sequence[str], datetime, datetime]] = []

    def count(
        self, _model: str, versions: Sequence[str], since: datetime, until: datetime
    ) -> int | None:
        self.asked.append((versions, since, until))
        if self.failure is not None:
            raise self.failure
        return self.answer


class Plant:
    """A model in service, and what a look at it works with."""

    def __init__(self, **said: object) -> None:
        self.registry, self.objects = MemoryRegistry(), MemoryObjectStore()
        self.lake, self.requests = MemoryLake(), Requests()
        self.deployment = in_service(self.registry, self.objects, **({"since": DAY_AGO} | said))
        self.gatherer = Gatherer(
            self.registry, self.objects, self.lake, self.requests, delay_seconds=60
        )

    def look(self) -> Look:
        return self.gatherer.look(self.deployment, WatchState(model=MODEL), NOW)[0]


def test_lines_are_those_of_the_longest_window_when_the_champion_is_old():
    plant = Plant()
    plant.look()
    until = NOW - timedelta(seconds=60)
    assert plant.lake.asked["predictions", MODEL] == (until - timedelta(hours=4), until)
    assert plant.lake.asked["labels", MODEL] == (until - timedelta(hours=4), NOW)


def test_nothing_before_is_read_when_the_champion_is_new():
    since = NOW - timedelta(minutes=5)
    plant = Plant(since=since)
    plant.look()
    assert plant.lake.asked["predictions", MODEL][0] == since


def test_champion_is_as_old_as_its_first_revision_when_policies_have_changed_since():
    plant = Plant(since=NOW - timedelta(hours=2))
    later = replace(plant.deployment, revision=2, changed=NOW.isoformat())
    plant.registry.put_deployment(later)
    plant.deployment = later
    plant.look()
    assert plant.lake.asked["predictions", MODEL][0] == NOW - timedelta(hours=2)


def test_drift_is_found_when_the_lines_have_drifted():
    plant = Plant()
    until = NOW - timedelta(seconds=60)
    plant.lake.put(day_prefix("predictions", MODEL, TODAY), *traffic(600, shift=1.0, until=until))
    found = plant.look()
    assert (found.version, found.requests) == (VERSION, 600)
    assert {(f.kind, f.subject) for f in found.findings} == {(Kind.INPUT_DRIFT, "mass")}


def test_labels_count_when_they_name_no_model():
    plant = Plant()
    until = NOW - timedelta(seconds=60)
    plant.lake.put(day_prefix("predictions", MODEL, TODAY), *traffic(100, until=until))
    labels = [msgspec.json.encode(a_label(n, "granite")) for n in range(60)]
    plant.lake.put(day_prefix("labels", UNKNOWN, TODAY), *labels[:50], b"{half a line")
    plant.lake.put(day_prefix("labels", MODEL, TODAY), *labels[50:])

    found, state = plant.gatherer.look(plant.deployment, WatchState(model=MODEL), NOW)

    assert found.labelled == 60
    assert state.labelled == a_label(0, "granite").time


def test_silence_of_others_is_none_of_the_model_when_labels_name_no_model():
    plant = Plant()
    plant.lake.put(day_prefix("labels", UNKNOWN, TODAY), a_label(1, "opal"))
    _, state = plant.gatherer.look(plant.deployment, WatchState(model=MODEL), NOW)
    assert state.labelled == ""


def test_requests_are_counted_elsewhere_when_the_log_is_silent():
    plant = Plant()
    plant.requests.answer = 500
    found = plant.look()
    ((versions, since, until),) = plant.requests.asked
    assert (versions, until - since) == ([VERSION], timedelta(hours=1))
    assert Kind.NO_DATA in {finding.kind for finding in found.findings}


def test_look_goes_on_when_nobody_can_count_elsewhere():
    plant = Plant()
    plant.requests.failure = UnavailableError("the metrics")
    assert plant.look().findings == []


@pytest.mark.parametrize("name", ["baseline.json", "manifest.json"])
def test_nothing_is_compared_when_the_artifact_is_another(name):
    with pytest.raises(ArtifactError):
        Plant(files={name: b"{}"}).look()


def test_it_says_so_when_the_spec_is_of_another_time():
    with pytest.raises(ArtifactError, match="spec"):
        Plant(monitor={**MONITOR, "psi_bound": 3}).look()
