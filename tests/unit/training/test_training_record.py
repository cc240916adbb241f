"""Record and StartDue: how trainings end, and which begin by themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.training import flower_spec
from servery.domain.records import ModelRecord, Outcome, TrainingRecord
from servery.errors import (
    ConflictError,
    FaultError,
    NotFoundError,
    ThrottledError,
    UnavailableError,
)
from servery.usecases.training.messages import CollectEvent, RecordEvent
from servery.usecases.training.record import record
from servery.usecases.training.start_due import start_due

RESULTS = {
    "collect": {
        "dataset": "d",
        "source_uri": "s3://a/b",
        "source_digest": "s",
        "read": 100,
        "rejected": 3,
    },
    "preprocess": {"split": "s", "train_rows": 70, "test_rows": 27, "baseline": "b"},
    "train": {"digest": "j", "warnings": []},
    "export": {"runtime": "onnx", "runtime_reason": "faster", "digest": "o", "size_bytes": 1},
    "evaluate": {"passed": True, "reasons": [], "metrics": {"accuracy": 0.9}},
    "register": {"version": "0.1.0-da.sb", "training": "tr0"},
}
INPUT = {"training_id": "flower-1", "origin": "cli", "spec": flower_spec()}


def _recorded(steps, *, error=None, registry=None, store=None, **changes):
    run = {**INPUT, **{name: RESULTS[name] for name in steps}, **changes}
    if error:
        run["error"] = error
    event = RecordEvent(run=run, started="2026-03-01T11:59:00Z")
    return record(
        event,
        registry=registry or MemoryRegistry(),
        store=store or MemoryObjectStore(),
        clock=SetClock(),
    )


def _caught(name, message):
    cause = json.dumps({"errorType": name, "errorMessage": message, "stackTrace": ["..."]})
    return {"Error": name, "Cause": cause}


def test_registered_is_recorded_when_every_step_has_a_result():
    registry = MemoryRegistry()

    found = _recorded(RESULTS, registry=registry)

    assert found.outcome is Outcome.REGISTERED
    assert (found.version, found.training) == ("0.1.0-da.sb", "tr0")
    assert found.metrics == {"accuracy": 0.9}
    assert found.rows == {"read": 100, "rejected": 3, "train": 70, "test": 27}
    assert (found.runtime, found.runtime_reason) == ("onnx", "faster")
    assert (found.started, found.finished) == (
        "2026-03-01T11:59:00Z",
        "2026-03-01T12:00:00.000+00:00",
    )
    assert not found.alert
    kept = registry.run("flower", "flower-1")
    assert (kept.outcome, kept.version, kept.training) == ("registered", "0.1.0-da.sb", "tr0")
    assert kept.event == INPUT


def test_refused_is_recorded_with_the_gates_sentences_when_a_gate_failed():
    sentence = "accuracy is 0.5, below the minimum of 0.9"
    evaluated = {"passed": False, "reasons": [sentence], "metrics": {"accuracy": 0.5}}

    found = _recorded(list(RESULTS)[:4], evaluate=evaluated)

    assert found.outcome is Outcome.REFUSED
    assert found.reasons == [sentence]
    assert found.metrics == {"accuracy": 0.5}
    assert (found.version, found.failed_step, found.alert) == ("", "", False)


def test_refused_is_recorded_with_its_sentence_when_data_is_bad():
    found = _recorded([], error=_caught("RejectedError", "9 of 10 rows are bad"))

    assert found.outcome is Outcome.REFUSED
    assert found.reasons == ["9 of 10 rows are bad"]
    assert found.rows == {}


@pytest.mark.parametrize("failed", [*RESULTS, "record"])
def test_failed_is_recorded_with_its_step_when_the_system_is_at_fault(failed):
    steps = list(RESULTS)
    done = steps if failed == "record" else steps[: steps.index(failed)]
    registry = MemoryRegistry()

    found = _recorded(done, error=_caught("FaultError", "the disk is full"), registry=registry)

    assert found.outcome is Outcome.FAILED
    assert found.failed_step == failed
    assert found.reasons == ["FaultError: the disk is full"]
    assert found.version == ""
    assert found.alert
    assert registry.run("flower", "flower-1").failed_step == failed


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({"Error": "States.Timeout", "Cause": ""}, "States.Timeout"),
        ({"Error": "States.Timeout"}, "States.Timeout"),
        ({"Error": "Lambda.Unknown", "Cause": "no JSON {"}, "Lambda.Unknown: no JSON {"),
        ({"Error": "Lambda.Unknown", "Cause": '"text"'}, 'Lambda.Unknown: "text"'),
    ],
)
def test_reason_is_readable_when_a_cause_has_another_form(error, sentence):
    assert _recorded([], error=error).reasons == [sentence]


@pytest.mark.parametrize(
    ("schedule", "alert"),
    [
        (None, True),
        ({}, True),
        ({"on_fault": "retry_and_alert"}, True),
        ({"on_fault": "record_and_wait"}, False),
        ("nonsense", True),
    ],
)
def test_alert_is_asked_for_when_the_spec_does_not_say_to_wait(schedule, alert):
    spec = {**INPUT["spec"], **({"schedule": schedule} if schedule is not None else {})}

    found = _recorded([], error=_caught("FaultError", "x"), spec=spec)

    assert found.alert is alert


@pytest.mark.parametrize("spec", [{}, {"name": "No Name"}, {"name": 3}])
def test_nothing_is_kept_when_the_spec_has_no_proper_name(spec):
    registry = MemoryRegistry()

    found = _recorded([], error=_caught("RejectedError", "x"), spec=spec, registry=registry)

    assert (found.outcome, found.model) == (Outcome.REFUSED, "")
    with pytest.raises(NotFoundError):
        registry.run("", "flower-1")


def test_record_is_replaced_when_it_is_written_again():
    registry = MemoryRegistry()
    for _ in range(2):
        _recorded(RESULTS, registry=registry)

    assert len(registry.runs("flower")) == 1


class Queue:
    def __init__(self, *errors):
        self.started, self.errors = {}, list(errors)

    def start(self, training_id, event):
        if self.errors and (error := self.errors.pop(0)):
            raise error
        if training_id in self.started:
            raise ConflictError(training_id)
        self.started[training_id] = event


def _registry(**schedules):
    registry = MemoryRegistry()
    for name, schedule in schedules.items():
        spec = {**flower_spec(name=name), "schedule": schedule}
        registry.put_model(
            ModelRecord(
                name=name,
                owner="tests",
                task="classification",
                description="",
                spec=spec,
                updated="2026-02-01T00:00:00Z",
            )
        )
    return registry


def _ran(registry, model, started):
    registry.put_run(
        TrainingRecord(
            training_id=f"{model}-by-hand",
            model=model,
            outcome=Outcome.REGISTERED,
            started=started,
            finished=started,
            event={},
        )
    )


NOON = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def _start(registry, queue, now=NOON, pipelines=None):
    pipelines = Queue() if pipelines is None else pipelines
    clock = SetClock(now)
    return start_due(registry=registry, queue=queue, pipelines=pipelines, clock=clock).started


def test_only_models_with_a_schedule_are_started_when_due():
    registry = _registry(daily={"every_hours": 24}, never={}, hourly={"every_hours": 1})
    queue = Queue()

    started = _start(registry, queue)

    assert started == ["daily-20260301T000000Z", "hourly-20260301T120000Z"]
    event = queue.started["daily-20260301T000000Z"]
    assert event["training_id"] == "daily-20260301T000000Z"
    assert event["origin"] == "schedule"
    assert event["spec"] == registry.model("daily").spec


def test_one_training_is_started_when_the_rule_fires_often_in_a_period():
    registry, queue = _registry(daily={"every_hours": 24}), Queue()

    first = _start(registry, queue)
    again = _start(registry, queue, NOON.replace(hour=20))
    later = _start(registry, queue, NOON.replace(day=2, hour=0))

    assert (len(first), again, len(later)) == (1, [], 1)


@pytest.mark.parametrize(
    ("last", "count"),
    [
        ("2026-03-01T00:00:00Z", 0),
        ("2026-03-01T11:00:00.123Z", 0),
        ("2026-02-28T23:59:59Z", 1),
    ],
)
def test_model_is_not_due_when_it_was_trained_in_this_period(last, count):
    registry = _registry(daily={"every_hours": 24})
    _ran(registry, "daily", last)

    assert len(_start(registry, Queue())) == count


def test_the_others_are_started_when_one_cannot_be():
    registry = _registry(a={"every_hours": 1}, b={"every_hours": 1})
    queue = Queue(ThrottledError("too many"))

    with pytest.raises(UnavailableError, match=r"started: a$"):
        _start(registry, queue)

    assert list(queue.started) == ["b-20260301T120000Z"]
    assert _start(registry, queue) == ["a-20260301T120000Z"]


def test_a_model_is_left_alone_when_its_schedule_cannot_be_read():
    registry = _registry(odd={"every_hours": "daily"}, fine={"every_hours": 1})

    assert _start(registry, Queue()) == ["fine-20260301T120000Z"]


def test_name_fits_an_execution_when_the_model_has_the_longest_name():
    name = "m" * 48
    (started,) = _start(_registry(**{name: {"every_hours": 1}}), Queue())

    assert len(started) <= 80


def test_a_pair_is_trained_once_when_both_halves_have_its_schedule():
    registry = _registry(flower={"every_hours": 1})
    flower = registry.model("flower")
    registry.put_model(
        msgspec.structs.replace(flower, name="flower-features", task="preprocessing")
    )

    assert _start(registry, Queue()) == ["flower-20260301T120000Z"]


def test_other_models_are_trained_when_one_cannot_be_started():
    registry = _registry(broken={"every_hours": 24}, daily={"every_hours": 24})
    queue = Queue(FaultError("the input is too large"))

    with pytest.raises(FaultError, match=r"broken \(the input is too large\)"):
        _start(registry, queue)

    assert list(queue.started) == ["daily-20260301T000000Z"]


HOURLY = {"every_hours": {"collect": 1, "train": 24, "register": 168}}


def _stepwise(every=HOURLY, *runs):
    """A model whose steps have periods of their own, and (start, event) of its runs."""
    registry = MemoryRegistry()
    spec = {**flower_spec(), "pipeline": every}
    registry.put_model(
        ModelRecord(
            name="flower",
            owner="tests",
            task="classification",
            description="",
            spec=spec,
            updated="2026-02-01T00:00:00Z",
        )
    )
    for number, (started, event) in enumerate(runs):
        registry.put_run(
            TrainingRecord(
                training_id=f"flower-{number}",
                model="flower",
                outcome=Outcome.DONE,
                started=started,
                finished=started,
                event=event,
            )
        )
    return registry


def _pipelines(registry, pipelines=None):
    queue, pipelines = Queue(), Queue() if pipelines is None else pipelines
    _start(registry, queue, pipelines=pipelines)
    assert not queue.started
    return list(pipelines.started.values())


@pytest.mark.parametrize(
    ("runs", "until", "keep"),
    [
        ([], "register", {}),
        (
            [("2026-03-01T00:10:00Z", {})],
            "collect",
            {},
        ),
        ([("2026-03-01T12:10:00Z", {})], None, {}),
        (
            [("2026-02-27T10:00:00Z", {}), ("2026-03-01T12:10:00Z", {"until": "collect"})],
            "train",
            {"collect": "2026-03-01T12:00:00+00:00"},
        ),
        (
            [("2026-02-18T10:00:00Z", {}), ("2026-03-01T12:10:00Z", {"until": "train"})],
            "register",
            {"collect": "2026-03-01T12:00:00+00:00", "train": "2026-03-01T00:00:00+00:00"},
        ),
        (
            [("2026-02-27T10:00:00Z", {}), ("2026-03-01T12:10:00Z", {"only": "train"})],
            "collect",
            {},
        ),
        (
            [
                ("2026-02-27T10:00:00Z", {}),
                ("2026-03-01T12:10:00Z", {"until": "train", "keep": {"train": "x"}}),
            ],
            "train",
            {"collect": "2026-03-01T12:00:00+00:00"},
        ),
    ],
    ids=["never ran", "an hour", "nothing", "a day", "a week", "alone", "kept"],
)
def test_pipeline_runs_up_to_the_last_step_that_is_due(runs, until, keep):
    events = _pipelines(_stepwise(HOURLY, *runs))

    if until is None:
        assert events == []
        return
    (event,) = events
    assert (event["until"], event["keep"]) == (until, keep)
    assert event["reuse"] is True
    assert event["origin"] == "schedule"
    read = msgspec.convert(event, CollectEvent)
    assert [step.isoformat() for step in read.keep.values()] == list(keep.values())


@pytest.mark.parametrize(
    "event", [{"until": "dinner"}, {"keep": None}, {"keep": ["train"]}, {"only": 5}]
)
def test_pipeline_runs_when_the_last_one_was_asked_for_what_there_is_not(event):
    (started,) = _pipelines(_stepwise(HOURLY, ("2026-03-01T12:10:00Z", event)))

    assert started["until"] == "register"


def test_nearer_step_is_run_when_the_farther_one_has_failed_without_a_record():
    pipelines = Queue()
    first = _pipelines(_stepwise(), pipelines)
    again = _pipelines(_stepwise(), pipelines)

    assert [event["until"] for event in first] == ["register"]
    assert [event["until"] for event in again] == ["register", "train"]


def test_all_runs_of_a_period_count_when_they_are_more_than_a_page():
    hours = [f"2026-02-{day:02}T{hour:02}:10:00Z" for day in (26, 27, 28) for hour in range(24)]
    runs = [(hours[0], {}), *((hour, {"until": "collect"}) for hour in hours[1:])]

    (event,) = _pipelines(_stepwise({"every_hours": {"collect": 1, "register": 168}}, *runs))

    assert event["until"] == "collect"


def test_name_fits_an_execution_when_a_step_is_in_it():
    name, pipelines = "m" * 48, Queue()
    registry = _stepwise({"every_hours": {"preprocess": 1}})
    flower = registry.model("flower")
    registry.put_model(msgspec.structs.replace(flower, name=name))

    _start(registry, Queue(), pipelines=pipelines)

    assert len(pipelines.started) == 2
    assert max(map(len, pipelines.started)) <= 80


def test_done_is_recorded_when_the_steps_that_were_asked_for_ended_well():
    assert _recorded(["collect", "preprocess"]).outcome is Outcome.DONE
    assert _recorded(["collect", "preprocess", "train", "export", "evaluate"]).outcome is (
        Outcome.DONE
    )


def test_steps_are_recorded_with_what_became_of_them():
    store = MemoryObjectStore()
    store.put(
        "trainings/flower-1/steps/collect.json",
        b'{"state":"skipped","started":"2026-03-01T11:59:00Z","from":"flower-0"}',
    )
    store.put(
        "trainings/flower-1/steps/train.json",
        b'{"state":"running","started":"2026-03-01T11:59:01Z","attempt":3}',
    )
    registry = MemoryRegistry()

    found = _recorded(
        ["collect"], registry=registry, store=store, error=_caught("FaultError", "cut off")
    )

    assert found.steps["collect"].source == "flower-0"
    assert (found.steps["train"].state, found.steps["train"].attempt) == ("failed", 3)
    assert registry.run("flower", "flower-1").steps == found.steps


def test_the_run_of_a_pair_is_recorded_with_both_halves_when_registered():
    registry = MemoryRegistry()
    half = {"model": "flower-features", "version": "0.2.0-da.sb", "training": "tr3", "pair": "p"}

    found = _recorded(
        RESULTS, registry=registry, register={**RESULTS["register"], "preprocessor": half}
    )

    assert found.preprocessor.version == "0.2.0-da.sb"
    whole, other = (registry.run(name, "flower-1") for name in ("flower", "flower-features"))
    assert (whole.version, whole.training) == ("0.1.0-da.sb", "tr0")
    assert (other.version, other.training) == ("0.2.0-da.sb", "tr3")
    assert whole.event == other.event
