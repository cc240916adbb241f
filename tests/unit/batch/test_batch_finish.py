"""Closing a batch: the proof, and that doing it again changes nothing."""

from __future__ import annotations

import json

import msgspec
import pytest
from fakes.batch_plant import Plant
from servery.domain.batches import BatchState
from servery.domain.chunks import ChunkResult, ChunkState
from servery.errors import ConflictError, UnavailableError
from servery.usecases.batch.fail import Caught, FailEvent, fail, reason_of
from servery.usecases.batch.finish import FinishEvent, finish


@pytest.fixture
def plant():
    return Plant()


@pytest.fixture
def batch(plant):
    """A batch of three chunks that runs."""
    made = plant.dropped(5)
    plant.plan({"batch": made.id, "run": 1})
    return plant.store.get(made.id)


def keep(plant, batch, **changed):
    for name, rows in {"00000": 2, "00001": 2, "00002": 1}.items():
        result = ChunkResult(
            name=name, state=ChunkState.DONE, rows_in=rows, rows_out=rows, lines=rows
        )
        if changed.get("name") == name:
            result = msgspec.structs.replace(result, **changed)
        plant.store.keep_result(batch.id, result)


def close(plant, batch):
    return finish(FinishEvent(batch=batch.id, run=batch.run), plant.finish_ports)


def test_nothing_changes_when_it_is_closed_again(plant, batch):
    keep(plant, batch)
    first = close(plant, batch)
    before = plant.store.get(batch.id), list(plant.files.writes)
    plant.clock.advance(60)
    again = close(plant, batch)

    assert (first.state, again) == ("succeeded", first)
    assert (plant.store.get(batch.id), plant.files.writes) == before


def test_the_end_is_told_when_who_recorded_it_died_before(plant, batch):
    keep(plant, batch)
    plant.events.failure = UnavailableError("the bus is down")
    with pytest.raises(UnavailableError):
        close(plant, batch)
    assert plant.store.get(batch.id).state is BatchState.SUCCEEDED
    plant.events.failure = None
    close(plant, batch)
    assert [told.state for told in plant.events.published] == ["succeeded"]


@pytest.mark.parametrize("dies_at", ["manifest.json", "_SUCCESS"])
def test_it_is_closed_when_who_closed_it_died_before_an_object_was_written(plant, batch, dies_at):
    keep(plant, batch)
    put = plant.files.put

    def dying(key, content):
        if key.endswith(dies_at):
            raise UnavailableError("killed")
        put(key, content)

    plant.files.put = dying
    with pytest.raises(UnavailableError):
        close(plant, batch)
    assert plant.store.get(batch.id).state is BatchState.RUNNING
    plant.files.put = put
    assert close(plant, batch).state == "succeeded"


def test_try_again_when_somebody_else_changes_the_batch(plant, batch):
    keep(plant, batch)

    def taken(_):
        raise ConflictError("changed meanwhile")

    plant.store.put = taken
    with pytest.raises(UnavailableError):
        close(plant, batch)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rows_out": 1}, "chunk 00001 read 2 rows and accounts for 1 predicted and 0 rejected"),
        ({"rows_in": 3}, "chunk 00001 read 3 rows and accounts for 2 predicted and 0 rejected"),
        (
            {"state": ChunkState.FAILED, "reason": "no"},
            "1 of 3 chunks failed; the first, 00001: no",
        ),
    ],
)
def test_batch_has_failed_when_rows_are_not_accounted_for(plant, batch, changed, reason):
    keep(plant, batch, name="00001", **changed)
    assert close(plant, batch).state == "failed"
    assert plant.store.get(batch.id).reason == reason
    assert not plant.files.exists(f"outbox/iris/{batch.id}/_SUCCESS")


def test_batch_has_failed_when_a_chunk_left_no_result(plant, batch):
    keep(plant, batch)
    plant.store.forget_results(batch.id, ["00001"])
    assert close(plant, batch).reason == "1 of 3 chunks left no result; the first is 00001"


def test_batch_has_failed_when_a_result_was_never_planned(plant, batch):
    keep(plant, batch)
    plant.store.keep_result(batch.id, ChunkResult(name="00007", state=ChunkState.DONE))
    assert "00007" in close(plant, batch).reason


def test_batch_has_failed_when_even_exact_boundaries_are_misaligned(plant, batch):
    plant.plan({"batch": batch.id, "run": 1, "exact": True})
    keep(plant, batch, name="00001", state=ChunkState.MISALIGNED)
    assert close(plant, batch).reason.startswith("1 of 3 chunks failed; the first, 00001: misal")


def test_an_old_run_closes_nothing_when_another_has_begun(plant, batch):
    keep(plant, batch)
    stored = plant.store.get(batch.id)
    plant.store.put(msgspec.structs.replace(stored, run=2, revision=stored.revision + 1))
    close(plant, batch)
    assert plant.store.get(batch.id).state is BatchState.RUNNING
    assert plant.events.published == []


def test_the_manifest_says_the_parts_and_the_model_when_it_is_closed(plant, batch):
    keep(plant, batch, name="00002", bytes=7, digest="d" * 64, retries=2)
    close(plant, batch)
    manifest = json.loads(plant.files.load(f"outbox/iris/{batch.id}/manifest.json"))

    assert (manifest["id"], manifest["state"], manifest["rows_in"]) == (batch.id, "succeeded", 5)
    assert manifest["model_version"] == batch.ref.version
    assert manifest["model_digest"] == batch.ref.digest
    assert manifest["parts"][2] == {
        "uri": f"s3://exchange/outbox/iris/{batch.id}/part-00002.csv",
        "rows": 1,
        "bytes": 7,
        "sha256": "d" * 64,
        "rejected": 0,
        "retries": 2,
    }
    assert [part["uri"] for part in manifest["parts"]] == manifest["outputs"]


class TestFailing:
    def failed(self, plant, batch, run=1):
        event = FailEvent(batch=batch.id, run=run, error=Caught(error="RejectedError", cause="no"))
        return fail(event, store=plant.store, events=plant.events, clock=plant.clock)

    def test_the_end_stays_when_the_batch_is_over(self, plant, batch):
        keep(plant, batch)
        close(plant, batch)
        assert self.failed(plant, batch).state == "succeeded"
        assert plant.store.get(batch.id).state is BatchState.SUCCEEDED

    def test_another_run_goes_on_when_an_old_one_fails(self, plant, batch):
        assert self.failed(plant, batch, run=7).state == "running"
        assert plant.events.published == []

    def test_try_again_when_somebody_else_changes_the_batch(self, plant, batch):
        def taken(_):
            raise ConflictError("changed meanwhile")

        plant.store.put = taken
        with pytest.raises(UnavailableError):
            self.failed(plant, batch)

    @pytest.mark.parametrize(
        ("error", "cause", "sentence"),
        [
            ("RejectedError", '{"errorMessage":"the file is empty","stackTrace":[]}',
             "the file is empty"),
            ("FaultError", "no JSON", "no JSON"),
            ("RetryableError", "{}", "RetryableError"),
            ("Runtime.ExitError", '{"errorMessage":"secret"}',
             "a function crashed (Runtime.ExitError)"),
            ("Sandbox.Timedout", "", "a function took too long (Sandbox.Timedout)"),
            ("KeyError", '{"errorMessage":"secret"}', "a step failed with KeyError"),
        ],
    )  # fmt: skip
    def test_the_reason_is_a_sentence_when_lambda_tells_the_cause(self, error, cause, sentence):
        assert reason_of(Caught(error=error, cause=cause)) == sentence
