"""The state machine of batches, run in memory with the use cases that it calls."""

from __future__ import annotations

import json

import pytest
from fakes.batch_plant import Plant
from fakes.execution import StateError
from servery.domain.batches import BatchState
from servery.errors import RejectedError, UnavailableError
from servery.usecases.batch.reading import read_batch
from servery.usecases.batch.rerun import RerunRequest, rerun


@pytest.fixture
def plant():
    return Plant()


def crash():
    return StateError("Runtime.ExitError", '{"errorType":"Runtime.ExitError"}')


def read(plant, batch, name):
    return plant.files.load(f"outbox/iris/{batch.id}/{name}").decode()


def test_every_part_and_success_are_there_when_all_chunks_are_predicted(plant):
    batch = plant.dropped(5)
    execution = plant.run(batch)

    assert execution.status == "SUCCEEDED"
    done = plant.store.get(batch.id)
    assert (done.state, done.chunks) == (BatchState.SUCCEEDED, 3)
    assert (done.rows_in, done.rows_out, done.rows_rejected) == (5, 5, 0)
    names = [key.rsplit("/", 1)[-1] for key in plant.files.keys("outbox/")]
    parts = ["part-00000.csv", "part-00001.csv", "part-00002.csv"]
    assert names == ["_SUCCESS", "manifest.json", *parts]
    assert plant.files.writes[-1].endswith("_SUCCESS")
    assert [told.id for told in plant.events.published] == [batch.id]


def test_children_answer_with_a_few_bytes_when_they_are_done(plant):
    execution = plant.run(plant.dropped(5))

    assert [child.output for child in execution.children] == ["00000", "00001", "00002"]
    assert len(json.dumps(["00000"] * 10_000)) < 256 * 1024


@pytest.mark.parametrize(
    "error",
    [
        crash(),
        StateError("Lambda.Unknown", "The cause could not be determined"),
        StateError("Sandbox.Timedout", "Task timed out"),
        StateError("States.Timeout", ""),
        StateError("Lambda.TooManyRequestsException", "Rate Exceeded"),
        UnavailableError("not now"),
    ],
    ids=lambda error: getattr(error, "error", type(error).__name__),
)
def test_chunk_is_predicted_when_its_server_fails_twice(plant, error):
    batch = plant.dropped(5)
    plant.crashes["00001"] = [error, error]
    execution = plant.run(batch)

    assert execution.status == "SUCCEEDED"
    assert plant.asked == ["00000", "00001", "00001", "00001", "00002"]
    retries = {part["uri"][-9:-4]: part["retries"] for part in manifest(plant, batch)["parts"]}
    assert retries == {"00000": 0, "00001": 2, "00002": 0}


def manifest(plant, batch):
    return json.loads(read(plant, batch, "manifest.json"))


def test_the_same_bytes_are_written_when_a_chunk_is_run_twice(plant):
    batch = plant.dropped(4)
    first_run = plant.run(batch)
    before = {key: plant.files.load(key) for key in plant.files.keys("outbox/")}
    again = plant.dropped(4, rerun="all", name="again.csv")
    plant.crashes["00000"] = [crash()]
    plant.run(again)
    after = {key.replace(again.id, batch.id): plant.files.load(key)
             for key in plant.files.keys(f"outbox/iris/{again.id}")}  # fmt: skip

    assert first_run.status == "SUCCEEDED"
    parts = [key for key in before if "part-" in key]
    assert [after[key] for key in parts] == [before[key] for key in parts]


def test_batch_fails_and_the_others_go_on_when_a_chunk_always_fails(plant):
    batch = plant.dropped(5)
    plant.crashes["00001"] = [crash() for _ in range(50)]
    execution = plant.run(batch)

    assert (execution.status, execution.error) == ("FAILED", "BatchFailed")
    failed = plant.store.get(batch.id)
    assert failed.state is BatchState.FAILED
    assert failed.reason.startswith("1 of 3 chunks failed; the first, 00001: a function crashed")
    assert failed.reason in execution.cause
    assert plant.asked.count("00001") == 5
    assert plant.asked.count("00002") == 1
    assert not plant.files.exists(f"outbox/iris/{batch.id}/_SUCCESS")
    assert [told.state for told in plant.events.published] == [BatchState.FAILED]
    view = read_batch(batch.id, store=plant.store, bucket="exchange")
    assert (view.chunks_done, view.chunks_failed, view.rows_out, view.outputs) == (2, 1, 3, [])


def test_only_the_failed_chunk_runs_when_the_batch_is_run_again(plant):
    batch = plant.dropped(5)
    plant.crashes["00001"] = [crash() for _ in range(5)]
    plant.run(batch)
    plant.asked.clear()
    again = rerun(batch.id, RerunRequest(), store=plant.store, queue=plant.queue)
    execution = plant.run(again)

    assert plant.asked == ["00001"]
    assert execution.status == "SUCCEEDED"
    done = plant.store.get(batch.id)
    assert (done.run, done.state, done.rows_out, done.reason) == (2, BatchState.SUCCEEDED, 5, "")
    assert plant.queue.started == [f"{batch.id}-1", f"{batch.id}-2"]


def test_chunk_is_not_tried_again_when_it_is_rejected(plant):
    batch = plant.dropped(3)
    plant.crashes["00000"] = [RejectedError("the model has no such column")]
    plant.run(batch)

    assert plant.asked.count("00000") == 1
    assert plant.store.get(batch.id).reason == (
        "1 of 2 chunks failed; the first, 00000: the model has no such column"
    )


def test_file_is_planned_again_exactly_when_a_chunk_is_misaligned(plant):
    batch = plant.dropped(5)
    plant.misaligned = {"00001"}
    execution = plant.run(batch)

    assert [name for name in execution.passed if name in ("Plan", "Finish")] == [
        "Plan", "Finish", "Plan", "Finish"]  # fmt: skip
    assert execution.status == "SUCCEEDED"
    done = plant.store.get(batch.id)
    assert (done.rows_in, done.run) == (5, 1)
    assert len(plant.events.published) == 1


def test_batch_fails_with_the_reason_when_the_plan_rejects_the_file(plant):
    batch = plant.dropped(b"")
    execution = plant.run(batch)

    assert execution.status == "FAILED"
    assert plant.asked == []
    failed = plant.store.get(batch.id)
    assert (failed.state, failed.reason) == (BatchState.FAILED, "the file is empty")
    assert [told.reason for told in plant.events.published] == ["the file is empty"]


def test_part_with_the_header_alone_is_there_when_the_file_has_no_row(plant):
    batch = plant.dropped(0)
    execution = plant.run(batch)

    assert execution.status == "SUCCEEDED"
    view = read_batch(batch.id, store=plant.store, bucket="exchange")
    assert view.outputs == [f"s3://exchange/outbox/iris/{batch.id}/part-00000.csv"]
    assert (view.rows_in, view.chunks, view.rejects) == (0, 1, "")
    (part,) = manifest(plant, batch)["parts"]
    assert (part["rows"], part["bytes"]) == (0, len(b"prediction\n"))


@pytest.mark.parametrize("step", ["plan", "finish"])
def test_failure_is_recorded_when_a_step_always_crashes(plant, step):
    batch = plant.dropped(3)

    def crashing(event):
        raise crash()

    execution = plant.run(batch, **{step: crashing})

    assert execution.status == "FAILED"
    assert execution.calls[step.capitalize()] == 4
    failed = plant.store.get(batch.id)
    assert failed.state is BatchState.FAILED
    assert "crashed (Runtime.ExitError)" in failed.reason
    assert len(plant.events.published) == 1


def test_execution_ends_in_an_error_when_not_even_the_failure_can_be_recorded(plant):
    batch = plant.dropped(b"")

    def crashing(event):
        raise crash()

    execution = plant.run(batch, fail=crashing)

    assert (execution.status, execution.error) == ("FAILED", "BatchFailed")
    assert plant.store.get(batch.id).state is BatchState.QUEUED


def test_result_is_kept_when_the_table_is_throttled_for_a_while(plant):
    batch = plant.dropped(2)
    keep, troubles = plant._keep, [StateError("DynamoDB.ThrottlingException", "")] * 3

    def throttled(given):
        if troubles:
            raise troubles.pop()
        return keep(given)

    plant._keep = throttled
    assert plant.run(batch).status == "SUCCEEDED"


def test_rows_are_rejected_by_line_of_the_file_when_they_are_bad(plant):
    batch = plant.dropped(b"x\n1\nbad\n3\n4\nbad\n", max_rejected="0.5")
    plant.run(batch)

    assert read(plant, batch, "rejects.csv") == (
        "line,column,reason\n3,x,wrong_type\n6,x,wrong_type\n"
    )
    view = read_batch(batch.id, store=plant.store, bucket="exchange")
    assert view.rejects == f"s3://exchange/outbox/iris/{batch.id}/rejects.csv"
    assert (view.rows_in, view.rows_out, view.rows_rejected) == (5, 3, 2)


def test_batch_fails_and_tells_the_rows_when_too_many_are_rejected(plant):
    batch = plant.dropped(b"x\n1\nbad\n3\n4\nbad\n", max_rejected="0.3")
    execution = plant.run(batch)

    assert execution.status == "FAILED"
    failed = plant.store.get(batch.id)
    assert failed.reason == "2 of 5 rows were rejected, more than the 30 % that are allowed"
    assert read(plant, batch, "rejects.csv").count("\n") == 3
    assert not plant.files.exists(f"outbox/iris/{batch.id}/_SUCCESS")
    view = read_batch(batch.id, store=plant.store, bucket="exchange")
    assert view.rejects.endswith("rejects.csv")
    assert view.outputs == []


def test_progress_is_that_of_the_chunks_so_far_when_the_batch_runs(plant):
    batch = plant.dropped(5)
    seen = []
    invoke = plant._invoke

    def watched(given):
        seen.append(read_batch(batch.id, store=plant.store, bucket="exchange"))
        return invoke(given)

    plant._invoke = watched
    plant.run(batch)

    assert [(v.state, v.chunks_done, v.rows_in) for v in seen] == [
        ("running", 0, 0), ("running", 1, 2), ("running", 2, 4)]  # fmt: skip
    assert all(view.outputs == [] and view.manifest == "" for view in seen)
