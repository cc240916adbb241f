"""Driving jobs again that failed for good."""

from __future__ import annotations

import json

import pytest
from fakes.jobs import DAY, DiedError, Life
from fakes.jobs_office import Office
from servery.domain.jobs import JobState
from servery.errors import UnavailableError
from servery.usecases.jobs.sweep import sweep


def failed(office, model="iris", **submitted):
    """A job that failed for good and was laid aside."""
    job_id = office.accepted(model=model, **submitted)
    office.run(job_id, JobState.FAILED)
    office.tell(job_id)
    office.dead.add(job_id, "the model did not answer")
    return job_id


def redrive(office, body=None):
    reply = office.send("POST", "/jobs/redrive", body)
    assert reply.status == 200, reply.body
    return reply.body


def test_it_has_all_its_tries_again_when_it_is_driven(office):
    job_id = failed(office)
    office.clock.advance(DAY)
    office.queue.sent.clear()
    assert redrive(office) == {"redriven": [job_id], "left": False}
    job = office.store.get(job_id)
    assert (job.state, job.tries, job.result, job.finished) == (JobState.QUEUED, 0, "", "")
    assert job.expires == office.now + 7 * DAY
    assert office.queue.ids == [job_id]
    assert office.dead.ids == []


def test_its_body_is_still_there_when_it_is_driven(office):
    job_id = failed(office, body='{"records": [7]}')
    redrive(office)
    assert office.store.get(job_id).body == '{"records": [7]}'


def test_a_model_is_a_dimension_only_when_jobs_of_it_are_driven(office, capsys):
    failed(office)
    capsys.readouterr()
    for model in ("iris", "made-up-5.4321098"):
        redrive(office, {"model": model})

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("model") for line in lines if "route" in line] == ["iris", None]


def test_nothing_happens_when_nothing_is_laid_aside(office):
    assert redrive(office) == {"redriven": [], "left": False}


def test_only_a_models_jobs_are_driven_when_it_is_named(office):
    iris, wine = failed(office), failed(office, "wine")
    assert redrive(office, {"model": "wine"}) == {"redriven": [wine], "left": False}
    assert office.dead.ids == [iris]
    assert office.store.get(iris).state is JobState.FAILED


def test_no_more_than_the_limit_are_driven_when_there_are_more(office):
    jobs = [failed(office) for _ in range(5)]
    assert redrive(office, {"limit": 3}) == {"redriven": jobs[:3], "left": True}
    assert office.dead.ids == jobs[3:]


def test_all_are_driven_when_there_are_more_than_fit_one_call(office):
    jobs = [failed(office) for _ in range(120)]
    assert redrive(office, {"limit": 1000}) == {"redriven": jobs, "left": False}


@pytest.mark.parametrize("state", [JobState.DONE, JobState.CANCELLED, JobState.EXPIRED])
def test_the_message_goes_and_the_job_stays_when_it_came_to_an_end(office, state):
    job_id = office.accepted()
    office.run(job_id, state)
    before = office.store.get(job_id)
    office.dead.add(job_id, "x")
    assert redrive(office) == {"redriven": [], "left": False}
    assert (office.store.get(job_id), office.dead.ids) == (before, [])


def test_the_message_stays_when_the_job_still_runs(office):
    """Whoever lays it aside may not have written down yet that it has failed."""
    job_id = office.accepted()
    office.claim(job_id)
    office.dead.add(job_id, "x")
    assert redrive(office) == {"redriven": [], "left": True}
    assert office.dead.ids == [job_id]


def test_it_is_sent_once_more_when_it_waits(office):
    """Where its messages went to the dead queue before any worker looked at it."""
    job_id = office.accepted()
    office.dead.add(job_id, "")
    assert redrive(office)["redriven"] == [job_id]
    assert office.queue.ids == [job_id, job_id]
    assert office.store.get(job_id).state is JobState.QUEUED


def test_it_is_driven_once_when_it_is_laid_aside_twice(office):
    job_id = failed(office)
    office.dead.add(job_id, "again")
    office.queue.sent.clear()
    assert redrive(office) == {"redriven": [job_id], "left": False}
    assert (office.queue.ids, office.dead.ids) == ([job_id], [])


def test_the_message_goes_when_the_job_is_forgotten_or_expired(office):
    forgotten, expired = failed(office), failed(office)
    office.store.forget(forgotten)
    office.clock.advance(7 * DAY)
    assert redrive(office) == {"redriven": [], "left": False}
    assert office.dead.ids == []
    assert office.store.get(expired).state is JobState.FAILED


def test_it_is_driven_all_the_same_when_it_is_being_told_of(office):
    job_id = office.accepted()
    office.run(job_id, JobState.FAILED)
    office.dead.add(job_id, "x")
    put = office.store.put

    def teller_first(job):
        office.store.put = put
        office.tell(job_id)
        put(job)

    office.store.put = teller_first
    assert redrive(office)["redriven"] == [job_id]
    assert office.store.get(job_id).state is JobState.QUEUED


def test_unavailable_and_nothing_lost_when_the_queue_is_down(office):
    job_id = failed(office)
    office.queue.sent.clear()
    office.queue.failure = UnavailableError("down")
    assert office.send("POST", "/jobs/redrive").status == 503
    office.queue.failure = None
    assert office.dead.ids == [job_id]
    office.dead.show()
    assert redrive(office)["redriven"] == [job_id]
    assert office.queue.ids == [job_id]


def test_nothing_more_is_taken_when_the_time_is_up(office):
    failed(office)

    class Context:
        aws_request_id = "r"

        def get_remaining_time_in_millis(self):
            return 4000

    event = {"httpMethod": "POST", "path": "/jobs/redrive", "headers": {}}
    response = office.api.serve(event, Context())
    assert response["body"] == '{"redriven":[],"left":true}'
    assert len(office.dead.ids) == 1


@pytest.mark.parametrize("moment", range(1, 7))
def test_it_is_driven_in_the_end_when_the_process_dies_at_any_line(moment):
    office = Office(life=Life())
    job_id = failed(office)
    office.queue.sent.clear()
    office.life.ends_at = len(office.life.moments) + moment
    with pytest.raises(DiedError):
        redrive(office)
    office.dead.show()
    redrive(office)
    office.clock.advance(31)
    sweep(office.sweeping, seconds=lambda: 60)
    assert office.store.get(job_id).state is JobState.QUEUED
    assert set(office.queue.ids) == {job_id}
    assert office.dead.ids == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"models": "x"}, "models")],
)
def test_body_is_refused_when_it_says_something_else(office, body, field):
    reply = office.send("POST", "/jobs/redrive", body)
    assert (reply.status, reply.body["errors"][0]["field"]) == (422, field)
