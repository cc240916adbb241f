"""What a training made is released by itself, in the name of whatever started it."""

from __future__ import annotations

import msgspec
import pytest
from fakes.artifacts import register
from fakes.clock import SetClock
from fakes.object_store import MemoryObjectStore
from fakes.queues import MemoryReleaseQueue
from fakes.records import VERSION, a_run
from fakes.registry import MemoryRegistry
from servery.domain.records import Outcome
from servery.domain.release_records import ReleaseOrigin, ReleaseState
from servery.domain.releases import release_lease
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.registry.automatic import Trained, release_trained

ASKED = Trained(model="iris", training_id="iris-1")


class Office:
    """One registered training of iris, and the run that made it."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.registry = MemoryRegistry(self.clock)
        self.objects = MemoryObjectStore()
        self.queue = MemoryReleaseQueue()
        register(self.registry, self.objects)

    def ran(self, **changes) -> None:
        self.registry.put_run(a_run(**({"version": VERSION, "training": "tr0"} | changes)))

    def release(self):
        return release_trained(
            ASKED,
            registry=self.registry,
            objects=self.objects,
            queue=self.queue,
            clock=self.clock,
            entropy=lambda: "00000001",
        )


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize(
    ("started_by", "origin", "told"),
    [
        ("cli", ReleaseOrigin.TRAINING, "a training made"),
        ("schedule", ReleaseOrigin.SCHEDULE, "a training by schedule made"),
        ("alarm", ReleaseOrigin.ALARM, "a training that an alarm started made"),
    ],
)
def test_release_says_why_when_a_training_started_it(office, started_by, origin, told):
    office.ran(event={"origin": started_by})

    started = office.release()

    (record,) = office.queue.started
    assert (started.release, started.said) == (record.id, record.because)
    assert (record.origin, record.version, record.training) == (origin, VERSION, "tr0")
    assert record.because == f"{told} {VERSION} tr0 (iris-1)"
    assert record.state is ReleaseState.RUNNING


def test_nothing_is_released_when_the_training_made_nothing(office):
    office.ran(version="", training="", outcome=Outcome.REFUSED)
    started = office.release()
    assert (started.release, "ended refused" in started.said) == ("", True)
    assert office.queue.started == []


def test_same_release_is_found_when_it_is_asked_for_twice(office):
    office.ran()
    first = office.release()
    again = office.release()
    assert again.release == first.release
    assert "already" in again.said
    assert len(office.queue.started) == 1
    assert len(office.registry.releases("iris")) == 1


def test_it_is_tried_again_later_when_another_change_is_under_way(office):
    office.ran()
    office.registry.take_lease(release_lease("iris"), "another", seconds=60)
    with pytest.raises(UnavailableError, match="under way"):
        office.release()
    office.registry.end_lease(release_lease("iris"), "another")
    assert office.release().release


def test_it_is_tried_again_when_it_could_not_be_started(office):
    office.ran()
    office.queue.failure = UnavailableError("Step Functions did not answer")
    with pytest.raises(UnavailableError):
        office.release()
    office.queue.failure = None
    office.clock.advance(1)

    started = office.release()

    assert [record.id for record in office.queue.started] == [started.release]
    assert office.registry.release("iris", started.release).state is ReleaseState.RUNNING


@pytest.mark.parametrize("known", [None, ConflictError("there is a release already")])
def test_it_is_handed_over_again_when_whoever_asked_died_before(office, known):
    office.ran()
    office.queue.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        office.release()
    office.queue.failure = known

    again = office.release()

    (record,) = office.registry.releases("iris")
    assert (again.release, record.state) == (record.id, ReleaseState.RUNNING)
    assert office.queue.started == ([] if known else [record])


@pytest.mark.parametrize("changes", [{"execution": "arn"}, {"state": ReleaseState.SUCCEEDED}])
def test_it_is_not_handed_over_again_when_it_goes_on_or_is_over(office, changes):
    office.ran()
    first = office.release()
    (record,) = office.queue.started
    office.registry.put_release(msgspec.structs.replace(record, **changes))

    assert office.release().release == first.release

    assert office.queue.started == [record]


def test_not_found_when_there_was_no_such_training(office):
    with pytest.raises(NotFoundError):
        office.release()
