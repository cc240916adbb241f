"""The sweep: what is due is done, whoever died before, and what cannot be done waits its turn."""

from __future__ import annotations

import json

import pytest
from fakes.jobs import DAY, DiedError, Life, a_job
from fakes.jobs_office import Office
from servery.domain.jobs import MAX_TRIES, CallbackState, JobState
from servery.edge.sweep import report
from servery.errors import FaultError, UnavailableError
from servery.usecases.jobs.publish import publish
from servery.usecases.jobs.sweep import Kind, Swept, sweep

URL = "https://example.com/done"


def swept(office, seconds=60.0):
    return sweep(office.sweeping, seconds=lambda: seconds)


def an_id(number: int) -> str:
    return f"{number:026x}"


def forget_messages(office):
    office.queue.sent.clear()


class TestWaiting:
    def test_nothing_happens_when_nothing_is_due(self, office):
        office.accepted()
        forget_messages(office)
        assert swept(office) == Swept()
        assert office.queue.sent == []

    def test_it_is_sent_again_when_its_message_must_be_lost(self, office):
        job_id = office.accepted()
        forget_messages(office)
        office.clock.advance(901)
        result = swept(office)
        assert (result.counts, result.oldest_seconds) == ({Kind.SENT: 1}, 901)
        assert office.queue.ids == [job_id]
        assert office.store.get(job_id).due == office.now + 1800

    def test_each_is_sent_once_when_there_are_many(self, office):
        for number in range(130):
            office.store.add(a_job(an_id(number)))
        office.clock.advance(31)
        assert swept(office).counts == {Kind.SENT: 130}
        assert sorted(office.queue.ids) == [an_id(number) for number in range(130)]

    def test_nothing_is_written_when_a_worker_takes_it_meanwhile(self, office):
        job_id = office.accepted()
        office.clock.advance(901)
        send = office.queue.send

        def sent_and_taken(job_ids, *, delay=0.0):
            send(job_ids)
            office.claim(job_id)

        office.queue.send = sent_and_taken
        assert swept(office).counts == {}
        assert office.store.get(job_id).state is JobState.RUNNING


class TestLeft:
    def test_it_waits_again_and_is_sent_when_its_worker_did_not_come_back(self, office):
        job_id = office.accepted()
        office.claim(job_id)
        forget_messages(office)
        office.clock.advance(91)
        assert swept(office).counts == {Kind.RELEASED: 1, Kind.SENT: 1}
        job = office.store.get(job_id)
        assert (job.state, job.tries, job.owner) == (JobState.QUEUED, 1, "")
        assert job.reason == "its worker did not come back"
        assert office.queue.ids == [job_id]

    def test_it_is_left_alone_when_its_worker_has_it(self, office):
        job_id = office.accepted()
        office.clock.advance(850)
        claimed = office.claim(job_id)
        office.clock.advance(89)
        assert swept(office).counts == {}
        assert office.store.get(job_id) == claimed

    def test_it_has_failed_and_is_laid_aside_when_it_had_all_its_tries(self, office):
        job_id = office.accepted(x_callback_url=URL)
        for _ in range(MAX_TRIES):
            office.claim(job_id)
            office.clock.advance(91)
        assert swept(office).counts == {Kind.FAILED: 1, Kind.TOLD: 1}
        job = office.store.get(job_id)
        assert (job.state, job.due, job.callback) == (JobState.FAILED, None, CallbackState.PENDING)
        assert office.dead.ids == office.events.ids == office.callbacks.ids == [job_id]
        assert office.send("GET", f"/jobs/{job_id}").body["error"]["detail"] == job.reason

    def test_it_is_not_failed_when_it_cannot_be_laid_aside(self, office):
        job_id = office.accepted()
        for _ in range(MAX_TRIES):
            office.claim(job_id)
            office.clock.advance(91)
        office.dead.failure = UnavailableError("down")
        result = swept(office)
        assert (result.counts, list(result.errors)) == ({Kind.PUT_OFF: 1}, ["dead"])
        assert office.store.get(job_id).state is JobState.RUNNING
        office.dead.failure = None
        office.clock.advance(61)
        assert swept(office).counts == {Kind.FAILED: 1, Kind.TOLD: 1}


class TestExpired:
    @pytest.mark.parametrize("taken", [False, True])
    def test_it_expires_and_that_is_told_when_its_time_has_passed(self, office, taken):
        job_id = office.accepted()
        office.clock.advance(7 * DAY - 100)
        if taken:
            office.claim(job_id)
        office.clock.advance(101)
        assert swept(office).counts == {Kind.EXPIRED: 1, Kind.TOLD: 1}
        job = office.store.get(job_id)
        assert (job.state, job.due) == (JobState.EXPIRED, None)
        assert office.events.ids == [job_id]


class TestOver:
    def test_it_is_told_when_nobody_did_it(self, office):
        job_id = office.accepted(x_callback_url=URL)
        office.run(job_id)
        office.clock.advance(31)
        assert swept(office).counts == {Kind.TOLD: 1}
        job = office.store.get(job_id)
        assert (job.due, job.result) == (None, '{"predictions": [1]}')
        assert office.events.ids == office.callbacks.ids == [job_id]
        office.clock.advance(DAY)
        assert swept(office) == Swept()

    def test_it_is_told_when_it_was_cancelled(self, office):
        job_id = office.accepted()
        office.send("DELETE", f"/jobs/{job_id}")
        office.clock.advance(31)
        assert swept(office).counts == {Kind.TOLD: 1}
        assert office.events.told[0].state is JobState.CANCELLED

    def test_no_callback_is_queued_when_it_is_made_already(self, office):
        job_id = office.accepted(x_callback_url=URL)
        over = office.run(job_id)
        delivered = type(over)(
            **{name: getattr(over, name) for name in over.__struct_fields__}
            | {"callback": CallbackState.DELIVERED, "revision": over.revision + 1}
        )
        office.store.put(delivered)
        office.clock.advance(31)
        swept(office)
        assert office.callbacks.ids == []


class TestOutOfReach:
    def test_the_rest_goes_on_when_the_bus_is_down(self, office):
        for _ in range(120):
            office.run(office.accepted())
        waiting = office.accepted()
        forget_messages(office)
        office.clock.advance(901)
        office.events.failure = FaultError("not allowed")
        result = swept(office)
        assert result.counts == {Kind.PUT_OFF: 120, Kind.SENT: 1}
        assert [str(e) for e in result.errors.values()] == ["not allowed"]
        assert office.queue.ids == [waiting]
        office.events.failure = None
        office.clock.advance(61)
        assert swept(office).counts == {Kind.TOLD: 120}

    def test_the_rest_goes_on_when_the_queue_is_down(self, office):
        over, waiting = office.accepted(), office.accepted()
        office.run(over)
        forget_messages(office)
        office.clock.advance(901)
        office.queue.failure = UnavailableError("down")
        assert swept(office).counts == {Kind.TOLD: 1, Kind.PUT_OFF: 1}
        office.queue.failure = None
        office.clock.advance(61)
        assert swept(office).counts == {Kind.SENT: 1}
        assert office.queue.ids == [waiting]

    def test_it_fails_when_the_store_does_not_answer(self, office):
        office.store.failure = UnavailableError("no answer")
        with pytest.raises(UnavailableError):
            swept(office)

    def test_it_ends_when_an_index_is_behind(self, office):
        office.accepted()
        office.clock.advance(901)
        old = office.store.due(office.now, limit=9)
        office.store.due = lambda now, *, limit: old
        assert swept(office).counts == {Kind.SENT: 1}

    def test_it_ends_when_its_time_is_up(self, office):
        for number in range(200):
            office.store.add(a_job(an_id(number)))
        office.clock.advance(31)
        left = iter([60.0, 30.0, 9.0])
        result = sweep(office.sweeping, seconds=lambda: next(left))
        assert (result.counts, result.left) == ({Kind.SENT: 100}, True)


def a_mixed_office(life=None) -> Office:
    """One job for everything that a sweep does."""
    office = Office(life=life or Life())
    office.accepted()  # its message will be lost
    office.claim(office.accepted())
    lost = office.accepted(x_callback_url=URL)
    office.run(office.accepted(x_callback_url=URL))
    for _ in range(MAX_TRIES):
        office.claim(lost)
        office.clock.advance(91)
    office.clock.advance(901)
    forget_messages(office)
    return office


def test_everything_is_done_in_the_end_when_a_sweep_dies_at_any_line():
    whole = a_mixed_office()
    begun = len(whole.life.moments)
    swept(whole)
    moments = len(whole.life.moments) - begun
    assert moments > 15
    states = sorted(job.state for job in whole.store.all())
    for moment in range(1, moments + 1):
        office = a_mixed_office()
        office.life.ends_at = begun + moment
        with pytest.raises(DiedError):
            swept(office)
        office.clock.advance(61)
        swept(office)
        jobs = {job.id: job for job in office.store.all()}
        assert sorted(job.state for job in jobs.values()) == states
        over = {i for i, job in jobs.items() if job.state.final}
        assert set(office.events.ids) == set(office.callbacks.ids) == over
        assert set(office.queue.ids) == set(jobs) - over
        assert set(office.dead.ids) == {i for i, j in jobs.items() if j.state is JobState.FAILED}
        assert all(job.due is None for job in jobs.values() if job.state.final)
        assert all(job.due is not None for job in jobs.values() if not job.state.final)


class TestPublish:
    def tell(self, office, *jobs):
        return publish(jobs, store=office.store, events=office.events, callbacks=office.callbacks)

    def test_it_is_told_once_when_it_is_told_again(self, office):
        job = office.run(office.accepted(x_callback_url=URL))
        [told] = self.tell(office, job)
        assert told == office.store.get(job.id)
        assert self.tell(office, told) == []
        assert office.events.ids == office.callbacks.ids == [job.id]

    def test_nothing_is_told_when_it_is_not_over(self, office):
        assert self.tell(office, office.store.get(office.accepted())) == []
        assert office.events.ids == []

    def test_it_is_recorded_when_the_callback_was_quicker(self, office):
        job = office.run(office.accepted(x_callback_url=URL))
        send = office.callbacks.send

        def sent_and_made(job_ids, *, delay=0.0):
            send(job_ids)
            done = {"callback": CallbackState.DELIVERED, "revision": job.revision + 1}
            fields = {name: getattr(job, name) for name in job.__struct_fields__}
            office.store.put(type(job)(**fields | done))

        office.callbacks.send = sent_and_made
        [told] = self.tell(office, job)
        assert (told.callback, told.due) == (CallbackState.DELIVERED, None)
        assert office.store.get(job.id) == told

    def test_it_stays_due_when_it_is_driven_again_meanwhile(self, office):
        job = office.run(office.accepted(), JobState.FAILED)
        office.dead.add(job.id, "x")
        publish_event = office.events.publish

        def told_and_driven(jobs):
            publish_event(jobs)
            office.send("POST", "/jobs/redrive")

        office.events.publish = told_and_driven
        assert self.tell(office, job) == []
        assert office.store.get(job.id).due is not None

    @pytest.mark.parametrize("out", ["events", "callbacks"])
    def test_it_stays_due_when_somebody_cannot_be_told(self, office, out):
        job = office.run(office.accepted(x_callback_url=URL))
        getattr(office, out).failure = UnavailableError("down")
        with pytest.raises(UnavailableError):
            self.tell(office, job)
        assert office.store.get(job.id).due is not None


def test_report_has_a_metric_of_each_kind_when_something_was_done(capsys, caplog):
    counts = {Kind.SENT: 3, Kind.TOLD: 1}
    done = Swept(oldest_seconds=901.5, errors={"queue": UnavailableError("the queue is down")})
    done.counts.update(counts)
    assert report(done, request_id="r-1") == {
        "counts": {"sent": 3, "told": 1},
        "oldest_seconds": 901.5,
        "left": False,
    }
    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines() if '"_aws"' in x]
    kinds = {line["kind"]: line["JobsSwept"] for line in lines if "kind" in line}
    assert kinds == {"sent": 3, "told": 1}
    assert [line["OldestQueuedAge"] for line in lines if "OldestQueuedAge" in line] == [901.5]
    assert caplog.records[-1].getMessage() == "the queue is down"
