"""The watch over all models: in turn, each under its lease, whatever happens to one of them."""

from __future__ import annotations

import pytest
from fakes.watches import WatchPlant, a_finding, a_look, an_alarm
from servery.domain.watching import AlarmState
from servery.errors import ArtifactError, ConflictError, NotFoundError, UnavailableError
from servery.usecases.monitoring.keeping_watch import (
    LEASE_SECONDS,
    RESERVE_SECONDS,
    WatchRun,
    watch_all,
    watch_one,
)

DRIFT = a_look(findings=[a_finding()], alarms=[an_alarm()])


def plenty() -> float:
    return 300.0


def now(plant: WatchPlant, model: str = "iris", identity: str = "asked") -> WatchRun:
    return watch_one(model, plant.ports, identity=identity, wait=lambda _: None, seconds=plenty)


class TestTurns:
    def test_every_model_is_looked_at_when_there_is_time(self):
        plant = WatchPlant(("wine", "iris"))

        run = watch_all(plant.ports, seconds=plenty)

        assert plant.looked == ["iris", "wine"]
        assert [record.model for record in run.looked] == ["iris", "wine"]
        assert (run.failed, run.busy, run.left, run.errors) == ({}, [], [], [])

    def test_next_run_carries_on_when_one_had_no_time_for_all(self):
        plant = WatchPlant(("a", "b", "c"))
        left = iter([300.0, 300.0, RESERVE_SECONDS - 1])
        run = watch_all(plant.ports, seconds=lambda: next(left))
        assert (plant.looked, run.left) == (["a", "b"], ["c"])

        plant.clock.advance(300)
        watch_all(plant.ports, seconds=plenty)

        assert plant.looked[2:] == ["c", "a", "b"]

    def test_others_are_looked_at_when_one_fails(self):
        plant = WatchPlant(("a", "b", "c"))
        plant.looks["b"] = ArtifactError("baseline.json is missing")

        run = watch_all(plant.ports, seconds=plenty)

        assert plant.looked == ["a", "b", "c"]
        assert list(run.failed) == ["b"]
        failure = plant.store.watch("b").failure
        assert (failure.said, failure.times) == ("baseline.json is missing", 1)
        assert plant.store.watch("b").last is None

    def test_failures_are_counted_and_forgotten_when_a_look_succeeds(self):
        plant = WatchPlant()
        for _ in range(3):
            plant.looks["iris"] = ValueError("a value of the caller")
            watch_all(plant.ports, seconds=plenty)
            plant.clock.advance(300)
        failure = plant.store.watch("iris").failure
        assert (failure.said, failure.times) == ("ValueError", 3)

        del plant.looks["iris"]
        watch_all(plant.ports, seconds=plenty)

        assert plant.store.watch("iris").failure is None

    def test_model_is_the_last_of_the_next_run_when_its_look_kills_the_function(self):
        plant = WatchPlant(("a", "b"))

        def killed(model: str) -> None:
            if model == "a":
                raise SystemExit

        plant.on_look = killed
        with pytest.raises(SystemExit):
            watch_all(plant.ports, seconds=plenty)
        plant.clock.advance(LEASE_SECONDS + 1)
        with pytest.raises(SystemExit):
            watch_all(plant.ports, seconds=plenty)

        assert plant.looked == ["b"]


class TestTwoAtOnce:
    def test_model_is_left_to_the_other_when_somebody_looks_at_it(self):
        plant = WatchPlant(("a", "b"))
        plant.registry.take_lease("watch/a", "another", seconds=60)

        run = watch_all(plant.ports, seconds=plenty)

        assert (plant.looked, run.busy) == (["b"], ["a"])

    def test_nothing_is_looked_at_twice_when_a_second_run_begins_during_the_first(self):
        plant = WatchPlant(("a", "b", "c"))
        runs = []

        def second(model: str) -> None:
            if model == "a" and not runs:
                runs.append(None)
                plant.clock.advance(1)
                runs[0] = watch_all(plant.ports, seconds=plenty)

        plant.on_look = second
        first = watch_all(plant.ports, seconds=plenty)

        assert plant.looked == ["b", "c", "a"]
        assert runs[0].busy == ["a"]
        assert first.busy == ["b", "c"]

    def test_look_waits_when_it_is_asked_for_during_another(self):
        plant = WatchPlant()
        plant.registry.take_lease("watch/iris", "another", seconds=60)
        waited = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            plant.registry.end_lease("watch/iris", "another")

        run = watch_one("iris", plant.ports, identity="asked", wait=wait, seconds=plenty)

        assert waited == [1.0]
        assert [record.last.id for record in run.looked] == ["asked"]

    def test_it_is_given_up_when_the_other_takes_all_of_the_time(self):
        plant = WatchPlant()
        plant.registry.take_lease("watch/iris", "another", seconds=60)
        with pytest.raises(ConflictError):
            watch_one("iris", plant.ports, identity="x", wait=lambda _: None, seconds=lambda: 1.0)

    def test_nothing_happens_twice_when_a_request_is_delivered_twice(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        now(plant)
        now(plant)
        assert plant.looked == ["iris"]
        assert len(plant.topic.told) == 1

    def test_it_is_an_error_when_the_model_is_not_in_service(self):
        with pytest.raises(NotFoundError):
            now(WatchPlant(), "nobody")


class TestTelling:
    def test_everybody_is_told_with_a_playbook_when_an_alarm_opens(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        run = now(plant)

        (telling,) = plant.topic.told
        assert plant.bus.told == [telling]
        (notice,) = telling.notices
        assert (notice.id, notice.state) == ("asked-0", AlarmState.OPENED)
        assert notice.playbook == "infra/playbooks/input-drift.md"
        (record,) = run.looked
        assert record.outbox == []
        assert (record.last.opened, record.last.severity) == (1, "warning")
        assert plant.reports.written == {"reports/iris/asked": DRIFT}

    def test_nobody_is_told_when_there_is_nothing_new(self):
        plant = WatchPlant()
        plant.looks["iris"] = a_look(findings=[a_finding()])
        now(plant)
        assert plant.topic.told == []
        assert list(plant.reports.written) == ["reports/iris/hour"]

    def test_it_is_told_again_under_its_id_when_the_function_died_while_telling(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        plant.topic.failure = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            now(plant)
        assert len(plant.bus.told) == 1
        plant.topic.failure = None
        plant.looks["iris"] = a_look()
        watch_all(plant.ports, seconds=plenty)

        assert plant.bus.told[0] == plant.bus.told[1] == plant.topic.told[0]
        assert len(plant.topic.told) == 1
        assert plant.store.watch("iris").outbox == []

    def test_only_who_was_not_told_is_told_later_when_one_fails(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        plant.topic.failure = UnavailableError("the topic")
        run = now(plant)
        assert [str(error) for _, error in run.errors] == ["the topic"]
        assert [t.told for t in plant.store.watch("iris").outbox] == [["bus"]]

        plant.topic.failure, plant.looks["iris"] = None, a_look()
        now(plant, identity="later")

        assert [len(plant.bus.told), len(plant.topic.told)] == [1, 1]
        assert plant.store.watch("iris").outbox == []

    def test_state_is_kept_before_anybody_is_told_when_an_alarm_opens(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        now(plant)
        waiting = [len(record.outbox) for record in plant.store.writes]
        assert waiting == [0, 1, 0]
        assert plant.store.writes[1].state.looks == 1

    def test_look_counts_when_its_report_cannot_be_written(self):
        plant = WatchPlant()
        plant.looks["iris"] = DRIFT
        plant.reports.failure = UnavailableError("the lake")
        run = now(plant)
        assert len(plant.topic.told) == 1
        assert run.looked[0].last.report == ""
        assert [str(error) for _, error in run.errors] == ["the lake"]
