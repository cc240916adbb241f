"""Alarms start a training where the spec wants one, and not too often."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fakes.clock import SetClock
from fakes.keeping import MemoryKeeping
from fakes.queues import MemoryTrainingQueue
from fakes.records import VERSION, a_deployment, a_model, a_release, a_run, a_training, a_version
from fakes.registry import MemoryRegistry
from servery.errors import ConflictError, FaultError, NotFoundError, UnavailableError
from servery.usecases.training.retrain import Alarm, RetrainPorts, retrain

SPEC = {"name": "iris", "retrain": {"on": ["drift"], "at_most_every_hours": 6}}


@dataclass
class Running:
    names: list[str] = field(default_factory=list)

    def of(self, model: str) -> list[str]:
        assert model == "iris"
        return self.names


class BrokenQueue:
    def __init__(self, error):
        self.error = error

    def start(self, training_id, event):
        raise self.error


@dataclass
class Room:
    clock: SetClock = field(default_factory=SetClock)
    kept: MemoryKeeping = field(default_factory=MemoryKeeping)
    running: Running = field(default_factory=Running)
    queue: object = field(default_factory=MemoryTrainingQueue)

    def __post_init__(self):
        self.registry = MemoryRegistry(self.clock)
        self.registry.put_model(a_model(spec=SPEC))

    def serve(self, spec):
        """A champion that was trained by a spec; the model's own spec is of a later training."""
        production = a_deployment().champion.ref.version
        self.registry.add_version(a_version())
        self.registry.add_version(a_version(production, promoted_from=VERSION, training="tr0"))
        self.registry.add_training(a_training())
        self.registry.put_run(a_run("iris-tr0", event={"spec": spec}))
        self.registry.put_deployment(a_deployment())

    def hear(self, kind="input_drift", at="2026-03-01T12:00:00+00:00"):
        alarm = Alarm(model="iris", kind=kind, subject="petal_length", said="it moved", at=at)
        ports = RetrainPorts(self.registry, self.kept, self.running, self.queue, self.clock)
        return retrain(alarm, ports)


@pytest.fixture
def room():
    return Room()


@pytest.mark.parametrize("kind", ["input_drift", "prediction_drift"])
def test_training_starts_when_the_spec_wants_one_for_the_alarm(room, kind):
    record = room.hear(kind)
    assert record.decision == "started"
    ((name, event),) = room.queue.started.items()
    assert name == record.training_id == event["training_id"]
    assert (event["origin"], event["because"], event["spec"]) == ("alarm", "it moved", SPEC)
    assert room.kept.retrainings("iris") == [record]


@pytest.mark.parametrize("kind", ["accuracy", "latency", "no_data", "unheard_of"])
def test_no_training_starts_when_the_spec_does_not_want_one(room, kind):
    record = room.hear(kind)
    assert record.decision == "unwanted"
    assert not room.queue.started
    assert kind in record.because


def test_champion_is_trained_again_when_a_later_training_never_answered(room):
    spec = {**SPEC, "retrain": {"on": ["accuracy"]}}
    room.serve(spec)

    assert room.hear().decision == "unwanted"
    record = room.hear("accuracy")

    assert room.queue.started[record.training_id]["spec"] == spec


@pytest.mark.parametrize("event", [{}, {"spec": None}])
def test_last_spec_counts_when_the_champion_was_not_trained_by_one(room, event):
    room.serve(None)
    room.registry.put_run(a_run("iris-tr0", event=event))

    record = room.hear()

    assert room.queue.started[record.training_id]["spec"] == SPEC


def test_last_spec_counts_when_nobody_knows_the_training_of_the_champion(room):
    room.registry.put_deployment(a_deployment())

    assert room.hear().decision == "started"


def test_no_training_starts_when_the_model_is_a_preprocessor(room):
    spec = {**SPEC, "task": "preprocessing"}
    room.registry.put_model(a_model(spec=spec, updated="2026-03-02T00:00:00+00:00"))
    assert room.hear().decision == "unwanted"


def test_one_training_starts_when_two_alarms_come_at_once(room):
    first, second = room.hear(), room.hear("prediction_drift")
    assert (first.decision, second.decision) == ("started", "limited")
    assert len(room.queue.started) == 1


def test_another_training_starts_when_the_time_is_over(room):
    room.hear()
    room.clock.advance(6 * 3600 - 1)
    assert room.hear(at="2026-03-01T18:00:00+00:00").decision == "limited"
    room.clock.advance(1)
    assert room.hear(at="2026-03-01T18:00:01+00:00").decision == "started"
    assert len(room.queue.started) == 2


def test_same_training_is_named_when_the_same_alarm_is_told_again(room):
    first = room.hear()
    room.running.names = [first.training_id]
    again = room.hear()
    assert again.decision == "started"
    assert again.training_id == first.training_id
    assert len(room.kept.retrainings("iris")) == 1


def test_no_training_starts_when_one_is_under_way(room):
    room.running.names = ["iris-by-hand"]
    record = room.hear()
    assert (record.decision, record.because) == ("busy", "the training iris-by-hand is under way")
    room.running.names = []
    assert room.hear(at="2026-03-01T12:05:00+00:00").decision == "started"


def test_no_training_starts_when_a_release_is_under_way(room):
    room.registry.put_release(a_release(started=room.clock.now().isoformat()))
    assert room.hear().decision == "busy"


def test_same_alarm_starts_it_when_the_cloud_did_not_answer_at_first(room):
    room.queue = BrokenQueue(UnavailableError("Step Functions does not answer"))
    with pytest.raises(UnavailableError):
        room.hear()
    room.queue = MemoryTrainingQueue()
    assert room.hear().decision == "started"


def test_next_alarm_may_start_one_when_the_first_one_never_could(room):
    room.queue = BrokenQueue(FaultError("no such state machine"))
    with pytest.raises(FaultError):
        room.hear()
    room.queue = MemoryTrainingQueue()
    assert room.hear("prediction_drift").decision == "started"


def test_training_is_named_when_it_exists_already(room):
    room.queue = BrokenQueue(ConflictError("there is one"))
    assert room.hear().training_id


def test_not_found_when_there_is_no_such_model(room):
    ports = RetrainPorts(room.registry, room.kept, room.running, room.queue, room.clock)
    with pytest.raises(NotFoundError):
        retrain(Alarm(model="tulip", kind="accuracy", said="x", at="t"), ports)
