"""The states of a job: no way leads out of an end but to be driven again, and none is forgotten."""

from __future__ import annotations

import pytest
from fakes.jobs import DAY, a_job
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.job_changes import (
    GRACE_SECONDS,
    LOST_SECONDS,
    called_back,
    cancel,
    claim,
    end,
    mark_sent,
    put_off,
    redrive,
    release,
    told,
)
from servery.domain.jobs import (
    CallbackState,
    Ending,
    Job,
    JobState,
    listed,
    order_in_state,
    order_of,
    seen,
)
from servery.errors import ConflictError

NOW = 1_772_366_400.0
LATER = "2026-03-01T12:00:05+00:00"
FINAL = [state for state in JobState if state.final]


def running(job: Job | None = None, owner: str = "worker-1", now: float = NOW) -> Job:
    return claim(job or a_job(), owner=owner, now=now, started=LATER, seconds=60)


def over(state: JobState = JobState.DONE, **changes) -> Job:
    ending = Ending(state=state, status=200, result="{}")
    return end(running(a_job(**changes)), ending, now=NOW, finished=LATER)


class TestClaim:
    def test_it_has_an_owner_and_a_lease_when_it_is_claimed(self):
        job = running()
        assert (job.state, job.owner, job.lease) == (JobState.RUNNING, "worker-1", NOW + 60)
        assert (job.tries, job.started, job.due) == (1, LATER, NOW + 60 + GRACE_SECONDS)

    def test_conflict_when_another_worker_has_it(self):
        with pytest.raises(ConflictError, match="another worker"):
            running(running(), "worker-2", NOW + 59)

    def test_it_is_free_when_the_lease_has_passed(self):
        job = running(running(), "worker-2", NOW + 60)
        assert (job.owner, job.tries) == ("worker-2", 2)

    @pytest.mark.parametrize("state", FINAL)
    def test_conflict_when_it_is_over(self, state):
        with pytest.raises(ConflictError, match=state):
            running(over(state))


class TestRelease:
    def test_it_waits_and_counts_as_tried_when_a_try_failed(self):
        job = release(running(), now=NOW, seconds=4, reason="no answer")
        assert (job.state, job.tries, job.owner, job.lease) == (JobState.QUEUED, 1, "", 0)
        assert (job.due, job.reason) == (NOW + 4 + GRACE_SECONDS, "no answer")

    def test_the_try_does_not_count_when_nobody_was_asked(self):
        job = release(running(), now=NOW, seconds=4, reason="busy", tried=False)
        assert job.tries == 0

    @pytest.mark.parametrize("state", [*FINAL, JobState.QUEUED])
    def test_conflict_when_nobody_has_it(self, state):
        job = a_job(state=state)
        with pytest.raises(ConflictError):
            release(job, now=NOW, seconds=1, reason="")


class TestEnd:
    @pytest.mark.parametrize("url", ["", "https://example.com"])
    def test_somebody_has_to_be_told_when_it_is_over(self, url):
        job = over(callback_url=url)
        assert (job.state, job.status, job.result, job.finished) == ("done", 200, "{}", LATER)
        assert job.due == NOW + GRACE_SECONDS
        assert job.callback is (CallbackState.PENDING if url else CallbackState.NONE)
        assert told(job).due is None

    @pytest.mark.parametrize("state", FINAL)
    def test_conflict_when_it_is_over_already(self, state):
        with pytest.raises(ConflictError, match="already"):
            end(over(state), Ending(state=JobState.DONE), now=NOW, finished=LATER)

    def test_conflict_when_it_is_told_before_it_is_over(self):
        with pytest.raises(ConflictError):
            told(running())

    def test_cancelled_stays_as_it_is_when_it_is_cancelled_again(self):
        job = cancel(a_job(), now=NOW, finished=LATER)
        assert (job.state, job.due) == (JobState.CANCELLED, NOW + GRACE_SECONDS)
        assert cancel(job, now=NOW + 1, finished="later") is job


class TestSent:
    def test_the_wait_doubles_when_messages_are_lost(self):
        job, waits = a_job(), []
        for _ in range(9):
            job = mark_sent(job, now=NOW)
            waits.append((job.due - NOW) / LOST_SECONDS)
        assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]

    @pytest.mark.parametrize("job", [running(), over()], ids=["running", "done"])
    def test_conflict_when_it_does_not_wait(self, job):
        with pytest.raises(ConflictError):
            mark_sent(job, now=NOW)

    def test_only_the_time_changes_when_it_is_put_off(self):
        job = put_off(a_job(), now=NOW, seconds=60)
        assert job == a_job(due=NOW + 60, revision=2)
        done = told(over())
        assert put_off(done, now=NOW, seconds=60) is done


class TestRedrive:
    def test_it_begins_anew_when_it_has_failed(self):
        job = redrive(told(over(JobState.FAILED)), now=NOW, expires=NOW + 9 * DAY)
        begun = (job.state, job.tries, job.sent, job.result, job.status, job.finished)
        assert begun == (JobState.QUEUED, 0, 0, "", 0, "")
        assert (job.expires, job.due) == (NOW + 9 * DAY, NOW + GRACE_SECONDS)

    def test_it_never_expires_earlier_when_it_is_driven(self):
        job = redrive(over(JobState.FAILED), now=NOW, expires=NOW)
        assert job.expires == a_job().expires

    @pytest.mark.parametrize("state", [s for s in JobState if s is not JobState.FAILED])
    def test_conflict_when_it_has_not_failed(self, state):
        with pytest.raises(ConflictError):
            redrive(a_job(state=state), now=NOW, expires=NOW)


class TestSeen:
    def test_content_is_gone_when_the_time_has_passed(self):
        job = over(body="b", body_key="jobs/b", expires=NOW + 10)
        job = called_back(job, CallbackState.DELIVERED)
        assert seen(job, now=NOW + 9) is job
        gone = seen(job, now=NOW + 10)
        assert gone.state is JobState.EXPIRED
        assert (gone.result, gone.result_key, gone.body, gone.body_key) == ("", "", "", "")

    def test_the_place_in_lists_is_the_time_and_the_id(self):
        assert order_of(a_job("0" * 26)) == f"2026-03-01T12:00:00.000000+00:00 {'0' * 26}"

    def test_the_place_in_a_state_is_the_end_and_the_id(self):
        job = a_job("0" * 26, expires=NOW + 0.25)
        assert order_in_state(job) == f"2026-03-01T12:00:00.250000+00:00 {'0' * 26}"

    def test_a_list_shows_the_same_when_the_time_has_passed(self):
        job = over(expires=NOW + 10, callback_url="https://example.com")
        assert seen(listed(job), now=NOW + 9) == listed(job)
        assert seen(listed(job), now=NOW + 10) == listed(seen(job, now=NOW + 10))


STEPS = {
    "claim": lambda job, now: claim(job, owner="w", now=now, started="s", seconds=60),
    "claim by another": lambda job, now: claim(job, owner="v", now=now, started="s", seconds=9),
    "release": lambda job, now: release(job, now=now, seconds=2, reason="r"),
    "release untried": lambda job, now: release(job, now=now, seconds=2, reason="r", tried=False),
    "done": lambda job, now: end(job, Ending(state=JobState.DONE), now=now, finished="f"),
    "failed": lambda job, now: end(job, Ending(state=JobState.FAILED), now=now, finished="f"),
    "expired": lambda job, now: end(job, Ending(state=JobState.EXPIRED), now=now, finished="f"),
    "cancel": lambda job, now: cancel(job, now=now, finished="f"),
    "told": lambda job, now: told(job),
    "sent": lambda job, now: mark_sent(job, now=now),
    "put off": lambda job, now: put_off(job, now=now, seconds=60),
    "called back": lambda job, now: called_back(job, CallbackState.DELIVERED),
    "redrive": lambda job, now: redrive(job, now=now, expires=now + DAY),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.floats(0, 2000)), max_size=30))
def test_an_end_is_an_end_and_nothing_is_forgotten_whatever_is_called(steps):
    job, now = a_job(callback_url="https://example.com"), NOW
    untold = False
    for name, seconds in steps:
        now += seconds
        before = job
        try:
            job = STEPS[name](job, now)
        except ConflictError:
            continue
        assert job.revision == before.revision + (job is not before)
        if before.state.final and job.state is not before.state:
            assert (name, before.state) == ("redrive", JobState.FAILED)
        if job.state.final and not before.state.final:
            untold = True
        elif name in {"told", "redrive"}:
            untold = False
        if untold or not job.state.final:
            assert job.due is not None
        else:
            assert job.due is None
        assert (job.state is JobState.RUNNING) == bool(job.owner) == bool(job.lease)
        assert (job.id, job.body, job.digest, job.created) == (
            before.id,
            before.body,
            before.digest,
            before.created,
        )
