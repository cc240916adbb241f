"""Where the train step goes: into its Lambda, to AWS Batch, or nowhere."""

import msgspec
import pytest
from fakes.object_store import MemoryObjectStore
from fakes.training import flower_spec
from servery.domain.records import StepRecord, StepState
from servery.errors import FaultError, RejectedError
from servery.usecases.training.messages import TrainEvent
from servery.usecases.training.place import PlaceEvent, place, refuse

LARGE = {"above_mb": 2, "vcpus": 8, "memory_mb": 32_768, "minutes": 30}
JOB = {"Status": "SUCCEEDED", "JobId": "j"}


def state(train_bytes, large=LARGE, **more):
    pipeline = {"pipeline": {"large": large}} if large else {}
    return msgspec.convert(
        {
            "training_id": "flower-1",
            "reuse": True,
            "spec": flower_spec(**pipeline),
            "collect": {
                "dataset": "d",
                "source_uri": "s3://b/k",
                "source_digest": "s",
                "read": 9,
                "rejected": 0,
            },
            "preprocess": {
                "split": "s",
                "train_rows": 6,
                "test_rows": 3,
                "baseline": "b",
                "train_bytes": train_bytes,
            },
            **more,
        },
        PlaceEvent,
    )


def placed(event, *, kept=False, has_batch=True, store=None):
    return place(
        event,
        store=store or MemoryObjectStore(),
        kept=lambda _: kept,
        has_batch=has_batch,
    )


@pytest.mark.parametrize(
    ("size", "large"),
    [(2_000_000, LARGE), (1, LARGE), (10**12, None)],
    ids=["at the limit", "below", "no limit"],
)
def test_step_stays_in_its_lambda_when_the_spec_does_not_send_it_away(size, large):
    assert placed(state(size, large)).large is False


def test_job_gets_what_the_spec_says_when_the_rows_are_large():
    found = placed(state(2_000_001))

    assert found.large is True
    assert (found.vcpus, found.memory_mb, found.seconds) == (8, 32_768, 1800)
    assert found.patience_s > found.seconds


def test_job_finds_the_event_of_the_train_step_when_it_starts():
    store, event = MemoryObjectStore(), state(2_000_001)

    found = placed(event, store=store)

    read = msgspec.json.decode(store.get(found.event), type=TrainEvent)
    assert read.preprocess == event.preprocess
    assert (read.training_id, read.spec, read.reuse) == ("flower-1", event.spec, True)


def test_refusal_names_the_way_out_when_the_stack_has_no_batch():
    with pytest.raises(RejectedError, match=r"2\.5 MB; above 2 MB .* TrainingImage.*above_mb"):
        placed(state(2_500_000), has_batch=False)


@pytest.mark.parametrize("has_batch", [True, False])
def test_nothing_is_submitted_when_the_model_was_made_before(has_batch):
    assert placed(state(3_000_000), kept=True, has_batch=has_batch).large is False


def test_step_goes_on_in_its_lambda_when_the_job_left_a_model():
    assert placed(state(3_000_000, job=JOB), kept=True).large is False


def test_refusal_is_that_of_the_step_when_the_job_left_one():
    store = MemoryObjectStore()
    refuse("flower-1", "The 'C' parameter of SVC must be positive", store=store)

    with pytest.raises(RejectedError, match="The 'C' parameter"):
        placed(state(3_000_000, job=JOB), store=store)


def test_nothing_is_submitted_again_when_the_job_left_nothing():
    store = MemoryObjectStore()
    refuse("flower-2", "of another training", store=store)

    with pytest.raises(FaultError, match="left no model"):
        placed(state(3_000_000, job=JOB), store=store)


@pytest.mark.parametrize(
    ("state_of_step", "told"), [("done", "other code"), ("failed", "no model")]
)
def test_image_is_blamed_when_the_job_made_a_model_that_nobody_finds(state_of_step, told):
    store = MemoryObjectStore()
    record = StepRecord(state=StepState(state_of_step), started="2026-03-01T12:00:00Z", attempt=1)
    store.put("trainings/flower-1/steps/train.json", msgspec.json.encode(record))

    with pytest.raises(FaultError, match=told):
        placed(state(3_000_000, job=JOB), store=store)
