"""What the port of jobs promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import os

import boto3
import pytest
from fakes.clock import EPOCH
from fakes.jobs import MemoryJobStore, a_job
from fakes.template import create_table
from moto import mock_aws
from msgspec.structs import replace
from servery.adapters.dynamodb_jobs import DynamoDbJobs
from servery.domain.jobs import (
    CallbackState,
    Ending,
    JobState,
    claim,
    end,
    mark_sent,
    order_of,
    redrive,
    told,
)
from servery.errors import ConflictError, NotFoundError
from servery.ports import JobStore

NOW = EPOCH.timestamp()


@pytest.fixture(params=["memory", "dynamodb"])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemoryJobStore()
        return
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        create_table(client, "JobsTable", "jobs")
        yield DynamoDbJobs(client, "jobs")


def an_id(number: int) -> str:
    return f"{number:026x}"


def created(second: float) -> str:
    return EPOCH.replace(microsecond=int(second)).isoformat(timespec="microseconds")


def running(job, owner="worker-1"):
    return claim(job, owner=owner, now=NOW, started="2026-03-01T12:00:01+00:00", seconds=60)


def done(job, result='{"predictions": []}', state=JobState.DONE):
    ending = Ending(state=state, status=200, result=result)
    return end(job, ending, now=NOW, finished="2026-03-01T12:00:02+00:00")


def test_it_fits_the_port(store):
    port: JobStore = store
    assert port.get_many([]) == {}


class TestOneJob:
    def test_it_is_read_whole_when_it_was_added(self, store):
        job = a_job(
            body='{"records": [{"name": "Grün \U0001f33c \\u0000"}]}',
            callback_url="https://example.com/?a=b",
            due=NOW + 30.123456,
        )
        assert store.add(job) == job
        assert store.get(job.id) == job

    def test_the_first_is_given_back_when_the_id_is_taken(self, store):
        first = a_job()
        store.add(first)
        assert store.add(a_job(body='{"records": [1]}', created=created(5))) == first
        assert store.get(first.id) == first

    @pytest.mark.parametrize("job_id", ["f" * 26, "", "ü" * 26, "x" * 5000])
    def test_not_found_when_there_is_no_such_job(self, store, job_id):
        with pytest.raises(NotFoundError, match="no such job"):
            store.get(job_id)
        assert store.get_many([job_id]) == {}

    def test_a_change_is_read_when_it_was_written(self, store):
        job = store.add(a_job())
        over = done(running(job))
        store.put(running(job))
        store.put(over)
        assert store.get(job.id) == over

    @pytest.mark.parametrize("revision", [1, 3, 9])
    def test_conflict_when_the_revision_is_not_the_next(self, store, revision):
        job = store.add(a_job())
        with pytest.raises(ConflictError):
            store.put(replace(job, revision=revision, reason="stale"))
        assert store.get(job.id) == job

    def test_conflict_when_the_job_is_gone(self, store):
        with pytest.raises(ConflictError):
            store.put(running(a_job()))

    def test_one_of_two_wins_when_both_saw_the_same(self, store):
        job = store.add(a_job())
        store.put(running(job, "worker-1"))
        with pytest.raises(ConflictError):
            store.put(running(job, "worker-2"))
        assert store.get(job.id).owner == "worker-1"

    def test_body_stays_when_a_listed_job_is_written_back(self, store):
        job = store.add(a_job())
        [listed] = store.due(NOW + 60, limit=1)
        store.put(mark_sent(listed, now=NOW))
        assert store.get(job.id).body == job.body

    def test_result_stays_when_a_listed_job_that_is_over_is_written_back(self, store):
        job = store.add(a_job())
        store.put(running(job))
        store.put(done(running(job)))
        [listed] = store.due(NOW + 60, limit=1)
        store.put(told(listed))
        assert store.get(job.id) == told(done(running(job)))

    def test_result_goes_when_the_job_is_driven_again(self, store):
        job = store.add(a_job())
        failed = done(running(job), result='{"status": 500}', state=JobState.FAILED)
        store.put(running(job))
        store.put(failed)
        store.put(redrive(failed, now=NOW, expires=job.expires))
        assert store.get(job.id).result == ""
        assert store.get(job.id).state is JobState.QUEUED

    def test_it_is_kept_when_body_and_result_are_as_large_as_may_be(self, store):
        job = store.add(a_job(body="b" * 100_000, callback_url="https://e.org/" + "c" * 2034))
        store.put(running(job))
        store.put(done(running(job), result="r" * 300_000))
        assert store.get(job.id) == done(running(job), result="r" * 300_000)


class TestMany:
    def test_those_that_there_are_are_read_when_many_are_asked_for(self, store):
        jobs = {an_id(n): store.add(a_job(an_id(n))) for n in range(120)}
        asked = [*jobs, an_id(0), an_id(999)]
        assert store.get_many(asked) == jobs


class TestPages:
    @pytest.fixture
    def jobs(self, store):
        """Seven of iris, the newest first, two of them at the same moment; and one of wine."""
        store.add(a_job(an_id(99), model="wine"))
        made = [a_job(an_id(n), created=created(n // 2 * 2), body="") for n in range(7)]
        for job in made:
            store.add(job)
        return made[::-1]

    def test_the_newest_come_first_when_a_model_is_listed(self, store, jobs):
        assert store.page("iris", None, limit=20, before="") == jobs

    def test_each_comes_once_when_page_follows_page(self, store, jobs):
        seen, before = [], ""
        while found := store.page("iris", None, limit=3, before=before):
            seen += found
            before = order_of(found[-1])
        assert seen == jobs

    def test_pages_go_on_where_they_were_when_new_jobs_arrive(self, store, jobs):
        first = store.page("iris", None, limit=3, before="")
        store.add(a_job(an_id(1000), created=created(500)))
        assert store.page("iris", None, limit=9, before=order_of(first[-1])) == jobs[3:]

    def test_only_a_state_is_listed_when_it_is_asked_for(self, store, jobs):
        for job in jobs[:3]:
            store.put(running(job))
        store.put(done(running(jobs[0])))
        assert [j.id for j in store.page("iris", JobState.RUNNING, limit=9, before="")] == [
            jobs[1].id,
            jobs[2].id,
        ]
        assert store.page("iris", JobState.QUEUED, limit=9, before="") == jobs[3:]
        assert store.page("iris", JobState.QUEUED, limit=2, before=order_of(jobs[4])) == jobs[5:7]

    def test_texts_are_left_out_when_jobs_are_listed(self, store):
        store.add(a_job())
        store.put(running(a_job()))
        store.put(done(running(a_job())))
        [listed] = store.page("iris", None, limit=9, before="")
        assert (listed.body, listed.result, listed.status) == ("", "", 200)

    def test_nothing_comes_when_the_model_has_no_jobs(self, store):
        assert store.page("tulip", None, limit=9, before="") == []


class TestDue:
    def test_the_longest_waiting_come_first_when_many_are_due(self, store):
        jobs = [a_job(an_id(n), due=NOW + (n * 37 % 50) + 0.25, body="") for n in range(50)]
        for job in jobs:
            store.add(job)
        expected = sorted(jobs, key=lambda job: job.due)
        assert store.due(NOW + 50, limit=100) == expected
        assert store.due(NOW + 50, limit=7) == expected[:7]

    def test_only_those_of_the_past_come_when_some_are_due_later(self, store):
        store.add(a_job(an_id(1), due=NOW + 10))
        store.add(a_job(an_id(2), due=NOW + 10.001))
        assert [job.id for job in store.due(NOW + 10, limit=9)] == [an_id(1)]

    def test_none_comes_when_everybody_was_told(self, store):
        job = a_job(callback_url="https://example.com", callback=CallbackState.PENDING)
        store.add(job)
        store.put(running(job))
        store.put(done(running(job)))
        store.put(told(done(running(job))))
        assert store.due(NOW + 10**9, limit=9) == []
