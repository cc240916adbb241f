"""A worker that dies at any line, messages that come twice, two workers at once: one answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.job_plant import JobPlant
from fakes.job_servers import answered, refused
from fakes.jobs import a_job
from servery.domain.job_changes import mark_sent
from servery.domain.jobs import CallbackState, JobState
from servery.errors import ModelServerError, UnavailableError

GOOD, ALSO_GOOD, BAD, POISON, LARGE = (f"{n:026x}" for n in range(5))
URL = "https://example.com/hook"


def a_plant(**life: Any) -> JobPlant:
    """Five jobs: a good one, a bad one, one that kills its server, one with a large answer, and
    one with a callback; then the worker begins to live."""

    def answer(body: str):
        if body == BAD:
            return refused()
        if body == POISON:
            return ModelServerError("the model server failed: Runtime.ExitError")
        if body == LARGE:
            return answered(body, body=msgspec.json.encode("x" * 400_000).decode())
        return answered(body)

    plant = JobPlant()
    plant.servers.answer = answer
    jobs = [a_job(name, body=name) for name in (GOOD, BAD, POISON, LARGE)]
    plant.accept(*jobs, a_job(ALSO_GOOD, body=ALSO_GOOD, callback_url=URL))
    plant.life.moments.clear()
    for name, value in life.items():
        setattr(plant.life, name, value)
    return plant


def moments() -> int:
    """How many moments there are in which the first invocation could die."""
    plant = a_plant()
    plant.work()
    return len(plant.life.moments)


def check(plant: JobPlant) -> None:
    jobs = {job.id: job for job in plant.store.all()}
    assert all(job.due is None for job in jobs.values())
    assert jobs[GOOD].state is JobState.DONE
    assert jobs[GOOD].result == answered(GOOD)["body"]
    assert jobs[ALSO_GOOD].state is JobState.DONE
    assert jobs[ALSO_GOOD].callback is CallbackState.DELIVERED
    assert jobs[BAD].state is JobState.FAILED
    assert jobs[BAD].status == 422
    assert jobs[BAD].result == refused()["body"]
    assert jobs[POISON].state is JobState.FAILED
    assert POISON in plant.dead.ids
    assert set(plant.dead.ids) == {POISON}
    assert jobs[LARGE].state is JobState.DONE
    assert len(plant.documents.get(jobs[LARGE].result_key)) == 400_002
    assert set(plant.events.ids) == set(jobs)
    assert sorted(plant.endings) == sorted(jobs)  # each recorded once
    told = {(job.id, job.state, job.status, job.finished) for job in plant.events.told}
    assert len(told) == len(jobs)
    assert {call.job_id for call in plant.caller.calls} == {ALSO_GOOD}


def test_every_job_ends_once_when_nobody_dies():
    plant = a_plant()
    plant.finish()
    check(plant)
    assert len(plant.events.ids) == len(set(plant.events.ids))
    assert len(plant.caller.calls) == 1
    assert plant.servers.events[0]["verb"] == "infer_many"


@pytest.mark.parametrize("moment", range(1, moments() + 1))
def test_every_job_ends_once_when_the_worker_dies_at_any_call(moment):
    plant = a_plant(ends_at=moment)
    plant.finish()
    assert plant.deaths == 1
    check(plant)


@pytest.mark.parametrize("then", [1, 4])
@pytest.mark.parametrize("moment", range(1, moments() + 1, 2))
def test_every_job_ends_once_when_the_next_one_to_come_dies_too(moment, then):
    plant = a_plant(ends_at=moment)
    plant.work()
    plant.life.ends_at = len(plant.life.moments) + then
    plant.finish()
    assert plant.deaths == 2
    check(plant)


@pytest.mark.parametrize("moment", range(1, moments() + 1))
def test_every_job_ends_once_when_a_call_fails_at_any_moment(moment):
    plant = a_plant(fails_at=moment, failure=UnavailableError("not at the moment"))
    plant.finish()
    check(plant)
    assert plant.deaths == 0


def test_job_is_answered_once_when_an_event_has_its_message_twice(plant):
    plant.accept(a_job(GOOD))
    message = plant.queue.receive()[0]
    plant.work([message, message])
    assert len(plant.servers.calls) == 1
    assert plant.store.get(GOOD).tries == 1
    assert plant.events.ids == [GOOD]


def test_job_is_answered_once_when_two_messages_for_it_are_in_one_event(plant):
    plant.accept(a_job(GOOD))
    plant.queue.send([GOOD])
    plant.work()
    assert plant.servers.calls == [[plant.store.get(GOOD).body]]
    assert not plant.queue.messages


def test_job_is_answered_once_when_its_event_comes_again_while_it_runs(plant):
    """The second delivery arrives in the middle of the first one's call."""
    plant.accept(a_job(GOOD))
    messages = plant.queue.receive()
    inner = []

    def answer(body):
        if not inner:
            inner.append(None)
            inner.append(plant.work(messages))
        return answered(body)

    plant.servers.answer = answer
    plant.work(messages)
    assert inner[1] == {"batchItemFailures": []}
    assert len(plant.servers.calls) == 1
    assert plant.store.get(GOOD).tries == 1
    assert plant.events.ids == [GOOD]


def test_late_worker_changes_nothing_when_its_lease_has_passed(plant):
    """It froze in the middle of a call; a sweep and another worker went on without it."""
    plant.accept(a_job(GOOD))
    answers = iter(["late", "in time"])

    def answer(body):
        said = next(answers)
        if said == "late":
            plant.clock.advance(200)
            plant.sweep()
            plant.work()
        return answered(body, body=f'"{said}"')

    plant.servers.answer = answer
    plant.work()
    job = plant.store.get(GOOD)
    assert (job.state, job.result) == (JobState.DONE, '"in time"')
    assert plant.events.ids == [GOOD]
    assert len(plant.log.lines) == 1


def test_worker_takes_a_job_when_it_is_marked_as_sent_meanwhile(plant):
    plant.accept(a_job(GOOD))
    known = plant.store.get_many

    def read_then_changed(ids):
        found = known(ids)
        plant.store.put(mark_sent(plant.store.get(GOOD), now=plant.now))
        return found

    plant.store.get_many = read_then_changed
    plant.work()
    assert plant.store.get(GOOD).state is JobState.DONE


def test_job_fails_for_good_when_every_worker_dies_on_it(plant):
    plant.accept(a_job(GOOD))
    for _ in range(4):
        plant.clock.advance(400)
        plant.life.moments.clear()
        plant.life.ends_at = 3  # right before the call
        plant.work()
    plant.finish()
    job = plant.store.get(GOOD)
    assert (job.state, job.tries) == (JobState.FAILED, 4)
    assert plant.dead.ids == [GOOD]
    assert not plant.servers.calls
