"""A file is dropped: which batch it becomes, and what starts."""

from __future__ import annotations

import pytest
from fakes.batch_plant import Plant
from fakes.records import a_model
from servery.domain.batches import BatchState, batch_id
from servery.domain.spec import Rerun
from servery.errors import ConflictError, UnavailableError


@pytest.fixture
def plant():
    return Plant()


def states(plant):
    return [batch.state for batch in plant.store.all()]


def test_batch_is_queued_under_its_own_name_when_a_file_is_dropped(plant):
    source = plant.drop()
    started = plant.start(source)

    (batch,) = plant.store.all()
    assert (batch.id, batch.model, batch.source) == (batch_id("iris", source), "iris", source)
    assert (batch.state, batch.origin, batch.run) == (BatchState.QUEUED, "drop", 1)
    assert plant.queue.started == [f"{batch.id}-1"] == [batch.execution]
    assert (started.batch, started.state) == (batch.id, "queued")


def test_one_batch_runs_when_the_same_event_comes_twice(plant):
    source = plant.drop()
    first, second = plant.start(source), plant.start(source)

    assert first.batch == second.batch
    assert len(plant.store.all()) == len(plant.queue.started) == 1


def test_a_running_or_finished_batch_is_left_alone_when_its_event_comes_late(plant):
    batch = plant.dropped()
    plant.run(batch)
    done = plant.store.get(batch.id)
    plant.start(batch.source)

    assert plant.store.get(batch.id) == done
    assert len(plant.queue.started) == len(plant.events.published) == 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("inbox/rows.csv", "folder"),
        ("inbox/iris/", "folder"),
        ("inbox/iris/day/", "folder"),
        ("inbox/Iris!/rows.csv", "name"),
        ("outbox/iris/rows.csv", "folder"),
    ],
)
def test_file_is_ignored_when_it_is_in_no_folder_of_a_model(plant, key, why):
    started = plant.start(plant.files.drop(key, b"x\n"))

    assert started.batch == ""
    assert why in started.reason
    assert plant.store.all() == []


def test_keys_are_taken_as_they_are_when_they_look_encoded(plant):
    batch = plant.store.get(plant.start(plant.drop(name="day=1/a+b%20ü c.csv")).batch)

    assert batch.source.key == "inbox/iris/day=1/a+b%20ü c.csv"
    assert plant.run(batch).status == "SUCCEEDED"


def test_batch_has_failed_with_its_reason_when_the_model_is_unknown(plant):
    started = plant.start(plant.drop(model="tulip"))

    (batch,) = plant.store.all()
    assert (batch.state, batch.model) == (BatchState.FAILED, "tulip")
    assert "no model" in batch.reason == started.reason
    assert [told.id for told in plant.events.published] == [batch.id]
    assert plant.queue.started == []


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"output": "xlsx"}, "servery-output has to be same, csv"),
        ({"id_columns": "flower"}, "servery-id-columns has to be a JSON array"),
        ({"id_columns": '["a", "a"]'}, "each once"),
        ({"id_columns": '[""]'}, "servery-id-columns"),
        ({"max_rejected": "1.1"}, "servery-max-rejected has to be a share"),
        ({"max_rejected": "nan"}, "servery-max-rejected"),
        ({"max_rejected": "lots"}, "servery-max-rejected"),
        ({"rerun": "some"}, "servery-rerun"),
        ({"origin": "moon"}, "servery-origin"),
        ({"priority": "1"}, "servery-priority is no option"),
    ],
)
def test_batch_has_failed_and_names_the_option_when_it_is_wrong(plant, said, named):
    plant.start(plant.drop(**said))

    (batch,) = plant.store.all()
    assert batch.state is BatchState.FAILED
    assert named in batch.reason
    assert len(plant.events.published) == 1


def test_options_are_those_of_the_submitter_when_the_spec_says_others(plant):
    rules = {"output": "parquet", "id_columns": ["row"], "max_rejected": 0.2, "rerun": "none"}
    plant.registry.put_model(a_model(spec={"name": "iris", "batch": rules}))
    first = plant.dropped(3).options
    second = plant.dropped(
        4, output="jsonl", id_columns='["a","b"]', max_rejected="0", rerun="all", origin="submit"
    )

    assert (first.output, first.id_columns, first.max_rejected) == ("parquet", ["row"], 0.2)
    assert first.rerun is Rerun.NONE
    assert (second.options.output, second.options.id_columns) == ("jsonl", ["a", "b"])
    assert (second.options.max_rejected, second.options.rerun) == (0.0, Rerun.ALL)
    assert second.origin == "submit"


def test_version_is_looked_up_when_the_event_names_none(plant):
    source = plant.drop()
    started = plant.start(source, **{"version-id": ""})

    assert started.batch == batch_id("iris", source)
    assert plant.store.all()[0].source == source


def test_batch_is_of_the_content_of_the_event_when_the_file_was_replaced_since(plant):
    source = plant.drop(3)
    plant.drop(4)
    plant.start(source, **{"version-id": ""})

    (batch,) = plant.store.all()
    assert (batch.source.etag, batch.source.version_id) == (source.etag, "")


def test_event_comes_again_when_something_is_down(plant):
    source = plant.drop()
    plant.queue.failure = UnavailableError("states are down")
    with pytest.raises(UnavailableError):
        plant.start(source)
    assert states(plant) == [BatchState.QUEUED]
    plant.queue.failure = None
    plant.start(source)
    assert len(plant.queue.started) == 1

    other = plant.drop(7)
    plant.files.failure = UnavailableError("files are down")
    with pytest.raises(UnavailableError):
        plant.start(other)
    plant.files.failure = None
    plant.start(other)
    assert states(plant) == [BatchState.QUEUED] * 2


def test_refused_batch_is_told_of_when_the_bus_was_down_before(plant):
    source = plant.drop(output="xlsx")
    plant.events.failure = UnavailableError("the bus is down")
    with pytest.raises(UnavailableError):
        plant.start(source)
    plant.events.failure = None
    plant.start(source)

    assert len(plant.store.all()) == len(plant.events.published) == 1


class TestSameContent:
    def test_second_is_skipped_when_the_first_has_succeeded(self, plant):
        first = plant.dropped()
        plant.run(first)
        second = plant.dropped(name="other.csv")

        assert (second.state, second.same_as) == (BatchState.SKIPPED, first.id)
        assert plant.queue.started == [f"{first.id}-1"]
        assert [told.state for told in plant.events.published] == ["succeeded", "skipped"]

    def test_second_is_skipped_when_the_first_runs(self, plant):
        first = plant.dropped()
        assert plant.dropped().same_as == first.id

    def test_failed_chunks_run_under_the_first_when_it_has_failed(self, plant):
        first = plant.dropped()
        plant.crashes["00002"] = [ConflictError("no")]
        plant.run(first)
        second = plant.dropped()

        assert (second.state, second.same_as) == (BatchState.SKIPPED, first.id)
        assert "failed chunks run again" in second.reason
        again = plant.store.get(first.id)
        assert (again.state, again.run) == (BatchState.QUEUED, 2)
        assert plant.queue.started == [f"{first.id}-1", f"{first.id}-2"]
        plant.asked.clear()
        assert plant.run(again).status == "SUCCEEDED"
        assert plant.asked == ["00002"]

    def test_second_is_a_batch_of_its_own_when_the_first_failed_before_it_was_planned(self, plant):
        plant.run(plant.dropped(b""))
        second = plant.dropped(b"")

        assert second.state is BatchState.QUEUED
        assert states(plant) == [BatchState.FAILED, BatchState.QUEUED]

    def test_both_run_when_the_second_says_all(self, plant):
        first = plant.dropped()
        plant.run(first)
        second = plant.dropped(rerun="all")

        assert second.state is BatchState.QUEUED
        assert plant.run(second).status == "SUCCEEDED"
        assert plant.dropped().same_as == second.id

    def test_second_is_skipped_though_the_first_has_failed_when_it_says_none(self, plant):
        first = plant.dropped()
        plant.crashes["00000"] = [ConflictError("no")]
        plant.run(first)
        second = plant.dropped(rerun="none")

        assert (second.state, second.same_as) == (BatchState.SKIPPED, first.id)
        assert plant.store.get(first.id).state is BatchState.FAILED

    def test_second_runs_when_it_asks_for_something_else(self, plant):
        plant.run(plant.dropped())
        assert plant.dropped(output="jsonl").state is BatchState.QUEUED

    def test_refused_and_skipped_ones_do_not_count_when_it_is_dropped_again(self, plant):
        first = plant.dropped()
        plant.run(first)
        plant.dropped(output="xlsx")
        plant.dropped()
        assert plant.dropped().same_as == first.id

    def test_one_runs_when_two_are_dropped_at_once(self, plant):
        sources = [plant.drop(name="a.csv"), plant.drop(name="b.csv")]
        look, meanwhile = plant.store.of_object, []

        def slow(model, source):
            found = look(model, source)
            if not meanwhile:
                meanwhile.append(True)
                plant.start(sources[1])
            return found

        plant.store.of_object = slow
        plant.start(sources[0])

        first, second = sorted(plant.store.all(), key=lambda b: b.source.key, reverse=True)
        assert (first.state, second.state) == (BatchState.QUEUED, BatchState.SKIPPED)
        assert second.same_as == first.id

    def test_the_failed_one_is_started_when_who_queued_it_again_died_before(self, plant):
        first = plant.dropped()
        plant.crashes["00000"] = [ConflictError("no")]
        plant.run(first)
        plant.queue.failure = UnavailableError("states are down")
        source = plant.drop(name="again.csv")
        with pytest.raises(UnavailableError):
            plant.start(source)
        plant.queue.failure = None
        plant.start(source)

        assert plant.queue.started == [f"{first.id}-1", f"{first.id}-2"]


def test_version_is_none_when_the_object_is_older_than_versions_in_its_bucket(plant):
    plant.files.versioned = False
    source = plant.drop()
    plant.start(source, **{"version-id": "null"})

    assert plant.store.all()[0].source == source
    assert source.version_id == ""
