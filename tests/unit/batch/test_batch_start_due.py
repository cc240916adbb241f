"""Schedules, and batches that nobody carries out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.batch_plant import Plant
from fakes.records import a_model
from servery.domain.batches import BatchState
from servery.errors import FaultError, UnavailableError
from servery.usecases.batch.start_due import start_due

DAY = 86_400


@pytest.fixture
def plant():
    made = Plant()
    schedule = {"every_hours": 24, "source": "s3://lake/scores/day={day}/", "days": 2}
    made.registry.put_model(a_model(spec={"name": "iris", "batch": {"schedule": schedule}}))
    return made


@pytest.fixture
def told():
    return []


@pytest.fixture
def look(plant, told):
    def look():
        return start_due(plant.start_ports, failed=lambda *trouble: told.append(trouble))

    return look


def keep(plant, day, name="rows.csv", content=b"x\n1\n"):
    return plant.files.drop(f"scores/day={day}/{name}", content, bucket="lake")


def keys(plant):
    return [batch.source.key.removeprefix("scores/day=") for batch in plant.store.all()]


def test_each_file_of_the_range_becomes_a_batch_when_the_schedule_is_due(plant, look):
    for number, day in enumerate(["02-26", "02-27", "02-28", "03-01"]):
        keep(plant, f"2026-{day}", content=b"x\n%d\n" % number)
    keep(plant, "2026-02-28", "_SUCCESS", b"")
    keep(plant, "2026-02-28", ".crc", b"1")
    found = look()

    assert sorted(keys(plant)) == ["2026-02-27/rows.csv", "2026-02-28/rows.csv"]
    assert {(b.origin, b.options.rerun, b.state) for b in plant.store.all()} == {
        ("schedule", "none", "queued")
    }
    assert sorted(found.scheduled) == sorted(b.id for b in plant.store.all())
    assert len(plant.queue.started) == 2
    assert plant.run(plant.store.all()[0]).status == "SUCCEEDED"


def test_nothing_is_looked_at_when_this_period_was(plant, look):
    look()
    keep(plant, "2026-02-28")
    plant.clock.advance(11 * 3600)
    assert look().scheduled == []
    plant.clock.advance(3600)
    assert len(look().scheduled) == 1


def test_a_file_is_predicted_once_when_it_is_in_the_range_again(plant, look):
    keep(plant, "2026-02-28")
    look()
    plant.run(plant.store.all()[0])
    plant.clock.advance(DAY)
    assert look().scheduled == []
    keep(plant, "2026-03-01", content=b"x\n1\n")  # the same content under another key
    plant.clock.advance(DAY)
    assert look().scheduled == []
    assert [b.state for b in plant.store.all()] == ["succeeded", "skipped"]


def test_a_file_is_predicted_again_when_its_content_has_changed(plant, look):
    keep(plant, "2026-02-28")
    look()
    keep(plant, "2026-02-28", content=b"x\n2\n")
    plant.clock.advance(DAY)
    assert len(look().scheduled) == 1


def test_the_look_is_made_again_when_it_broke_off(plant, look, told):
    keep(plant, "2026-02-28")
    plant.files.failure = FaultError("the bucket may not be read")
    with pytest.raises(UnavailableError, match="iris"):
        look()
    assert [(model, str(error)) for model, error in told] == [
        ("iris", "the bucket may not be read")
    ]
    plant.files.failure = None
    assert len(look().scheduled) == 1


def test_other_models_are_looked_after_when_one_fails(plant, look):
    plant.registry.put_model(a_model("wine"))
    source = plant.drop(model="wine")
    plant.queue.failure = UnavailableError("down")
    with pytest.raises(UnavailableError):
        plant.start(source)
    plant.queue.failure = None
    listing = plant.files.list

    def broken(bucket, prefix):
        raise FaultError("no")

    plant.files.list = broken
    with pytest.raises(UnavailableError, match=r"of iris$"):
        look()
    plant.files.list = listing
    assert len(plant.queue.started) == 1


def test_a_queued_batch_is_started_when_its_execution_never_was(plant, look):
    plant.queue.failure = UnavailableError("down")
    with pytest.raises(UnavailableError):
        plant.start(plant.drop())
    plant.queue.failure = None

    (batch,) = plant.store.all()
    assert look().started == [batch.id]
    assert plant.queue.started == [f"{batch.id}-1"]


def test_a_batch_has_failed_when_its_execution_ended_without_a_word(plant, look):
    queued, running = plant.dropped(3), plant.dropped(4)
    plant.plan({"batch": running.id, "run": 1})
    plant.queue.over = {queued.execution, running.execution}
    found = look()

    assert sorted(found.lost) == sorted([queued.id, running.id])
    assert {b.state for b in plant.store.all()} == {BatchState.FAILED}
    assert len(plant.events.published) == 2
    assert look().lost == []


def test_a_batch_stays_as_it_is_when_its_execution_goes_on(plant, look):
    running = plant.dropped(4)
    plant.plan({"batch": running.id, "run": 1})
    found = look()

    assert (found.started, found.lost) == ([], [])
    assert plant.store.get(running.id).state is BatchState.RUNNING


def test_a_batch_stays_as_it_ended_when_the_list_is_behind(plant, look):
    batch = plant.dropped(4)
    stale = plant.store.get(batch.id)
    plant.run(batch)
    plant.queue.over = {batch.execution}
    plant.store.page = lambda *_, **__: [stale]
    look()

    assert plant.store.get(batch.id).state is BatchState.SUCCEEDED


def test_one_prefix_is_looked_at_when_the_schedule_names_no_day(plant, look):
    schedule = {"every_hours": 1, "source": "s3://lake/all/"}
    plant.registry.put_model(a_model(spec={"name": "iris", "batch": {"schedule": schedule}}))
    plant.files.drop("all/a.csv", b"x\n1\n", bucket="lake")
    plant.files.drop("other/b.csv", b"x\n2\n", bucket="lake")
    assert len(look().scheduled) == 1
    plant.clock.set(plant.clock.now() + timedelta(hours=1))
    assert look().scheduled == []
