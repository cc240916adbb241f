"""What the port of jobs promises, held by the fake and by the adapter alike."""

from __future__ import annotations

from zlib import crc32

import pytest
from fakes.clock import EPOCH
from fakes.dynamodb_server import TABLES
from fakes.jobs import MemoryJobStore, a_job
from msgspec.structs import replace
from servery.adapters.dynamodb_jobs import DynamoDbJobs
from servery.domain.job_changes import claim, end, mark_sent, redrive, told
from servery.domain.jobs import (
    CallbackState,
    Ending,
    JobState,
    listed,
    order_in_state,
    order_of,
    seen,
)
from servery.errors import ConflictError, NotFoundError
from servery.ports import JobStore

NOW = EPOCH.timestamp()


@pytest.fixture(params=["memory", *TABLES])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemoryJobStore()
        return
    with TABLES[request.param](monkeypatch, "JobsTable", "jobs") as client:
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


def page(store, state=None, limit=1000, before="", now=NOW):
    return store.page("iris", state, limit=limit, before=before, now=now)


def pages(store, state, limit, now=NOW, between=lambda: None):
    """All pages of a list, one after the other, as long as they are full."""
    place = order_of if state is None else order_in_state
    found, before = [], ""
    while True:
        jobs = page(store, state, limit, before, now)
        found += jobs
        if len(jobs) < limit:
            return found
        before = place(jobs[-1])
        between()


def shown(jobs, now=NOW):
    return [listed(seen(job, now=now)) for job in jobs]


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
        assert page(store) == shown(jobs)

    def test_each_comes_once_when_page_follows_page(self, store, jobs):
        assert pages(store, None, 3) == shown(jobs)

    def test_pages_go_on_where_they_were_when_new_jobs_arrive(self, store, jobs):
        first = page(store, limit=3)
        store.add(a_job(an_id(1000), created=created(500)))
        assert page(store, before=order_of(first[-1])) == shown(jobs[3:])

    def test_only_a_state_is_listed_when_it_is_asked_for(self, store, jobs):
        for job in jobs[:3]:
            store.put(running(job))
        store.put(done(running(jobs[0])))
        assert [j.id for j in page(store, JobState.RUNNING)] == [jobs[1].id, jobs[2].id]
        assert page(store, JobState.QUEUED) == shown(jobs[3:])
        second = page(store, JobState.QUEUED, limit=2, before=order_in_state(jobs[4]))
        assert second == shown(jobs[5:7])

    def test_everything_that_lists_show_is_there_when_jobs_are_listed(self, store):
        job = store.add(a_job(callback_url="https://example.com/?a=b"))
        store.put(running(job))
        over = replace(done(running(job)), reason="so", model_version="1.2.0")
        store.put(over)
        assert page(store) == page(store, JobState.DONE) == [listed(over)]
        assert not hasattr(page(store)[0], "result")

    def test_nothing_comes_when_the_model_has_no_jobs(self, store):
        assert store.page("tulip", None, limit=9, before="", now=NOW) == []

    def test_it_is_new_among_its_state_when_it_is_driven_again(self, store, jobs):
        old = jobs[-1]
        failed = done(running(old), state=JobState.FAILED)
        for job in (running(old), failed, redrive(failed, now=NOW, expires=old.expires + 9)):
            store.put(job)
        assert page(store)[-1].id == page(store, JobState.QUEUED)[0].id == old.id


def slow(value):
    """A case that is left to the slow tier."""
    return pytest.param(value, marks=pytest.mark.slow)


class TestLongLists:
    """More jobs than fit a page, from whatever places their store keeps them in."""

    @pytest.fixture
    def jobs(self, store):
        """120, the newest first; their ids say nothing of their age, as with idempotency keys."""
        made = []
        for number in range(120):
            job = a_job(
                f"{crc32(bytes([number])):026x}",
                created=created(number // 3),
                expires=NOW + 100 + number // 3,
                body="",
            )
            made.append(store.add(job))
        return sorted(made, key=order_of, reverse=True)

    @pytest.mark.parametrize("state", [None, JobState.QUEUED])
    @pytest.mark.parametrize("limit", [50, 120, *(slow(limit) for limit in (3, 7, 119, 121))])
    def test_each_comes_once_and_in_order_when_pages_are_of_any_size(
        self, store, jobs, state, limit
    ):
        assert pages(store, state, limit) == shown(jobs)

    @pytest.mark.parametrize("state", [None, JobState.QUEUED])
    def test_pages_go_on_where_they_were_when_jobs_arrive_between_them(self, store, jobs, state):
        ids = iter(range(100))

        def arrive():
            number = next(ids)
            store.add(
                a_job(an_id(number), created=created(900 + number), expires=NOW + 900, body="")
            )

        assert pages(store, state, 11, between=arrive) == shown(jobs)

    def test_page_is_full_when_its_jobs_lie_together(self, store):
        """The newest forty are in one place of sixteen, older ones everywhere."""
        ids = [an_id(number) for number in range(2000)]
        together = [i for i in ids if crc32(i.encode()) % 16 == 5][:40]
        apart = [i for i in ids if crc32(i.encode()) % 16 != 5][:60]
        made = [
            store.add(a_job(job_id, created=created(number), body=""))
            for number, job_id in enumerate(apart + together)
        ]
        for limit in (30, 45):
            assert page(store, limit=limit) == shown(made[::-1][:limit])

    @pytest.mark.parametrize("limit", [slow(11), 200])
    def test_pages_are_full_when_the_time_of_some_has_passed(self, store, jobs, limit):
        for job in jobs[::4]:
            store.put(running(job))
            store.put(done(running(job)))
        now = NOW + 100 + 20
        whole = {job.id: store.get(job.id) for job in jobs}
        expected = [seen(whole[job.id], now=now) for job in jobs]
        for state in (JobState.QUEUED, JobState.DONE, JobState.EXPIRED):
            found = [listed(job) for job in expected if job.state is state]
            assert found
            assert pages(store, state, limit, now=now) == found
        assert pages(store, None, limit, now=now) == [listed(job) for job in expected]

    def test_those_marked_expired_are_listed_too_when_others_are_so_by_time_alone(self, store):
        marked, passed, live = (
            store.add(a_job(an_id(n), expires=NOW + 10 * n, body="")) for n in (1, 2, 3)
        )
        marked = end(marked, Ending(state=JobState.EXPIRED), now=NOW + 10, finished="f")
        store.put(marked)
        expected = [listed(seen(passed, now=NOW + 20)), listed(marked)]
        assert pages(store, JobState.EXPIRED, 1, now=NOW + 20) == expected
        assert page(store, JobState.QUEUED, now=NOW + 20) == [listed(live)]

    def test_list_ends_when_the_rest_has_expired_between_pages(self, store, jobs):
        first = page(store, JobState.QUEUED, limit=100)
        later = NOW + 100 + 39
        before = order_in_state(first[-1])
        assert page(store, JobState.QUEUED, before=before, now=later) == []


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
