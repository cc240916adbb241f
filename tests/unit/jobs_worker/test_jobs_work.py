"""What the worker does with each kind of answer, failure, and job."""

from __future__ import annotations

import msgspec
import pytest
from fakes.job_plant import Context
from fakes.job_servers import answered, refused
from fakes.jobs import EPOCH, a_job
from fakes.sqs_queue import Message, event_of
from servery.domain.job_changes import cancel, claim, end
from servery.domain.jobs import Ending, JobState
from servery.errors import (
    DeadlineExceededError,
    ModelServerError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from servery.usecases.jobs.grouping import MOST_JOBS

CRASH = ModelServerError("the model server failed: Runtime.ExitError")


def job_id(number: int) -> str:
    return f"{number:026x}"


def some_jobs(count: int, **changes):
    return [a_job(job_id(n), body=f'"{n}"', request_id=f"r{n}", **changes) for n in range(count)]


def crashes_on(*poison: str):
    def answer(body):
        return CRASH if body in poison else answered(body)

    return answer


def test_jobs_of_a_model_go_together_and_each_gets_its_answer(plant):
    plant.accept(*some_jobs(5), a_job(job_id(9), model="wine", body='"9"'))
    assert plant.work() == {"batchItemFailures": []}
    assert plant.servers.calls == [['"0"', '"1"', '"2"', '"3"', '"4"'], ['"9"']]
    many, one = plant.servers.events
    assert (many["verb"], many["route"], many["ref"]["model"]) == ("infer_many", "job", "iris")
    assert many["items"][1] == {"request_id": "r1", "body": '"1"', "base64": False}
    assert (one["verb"], one["route"], one["ref"]["model"]) == ("infer", "job", "wine")
    for job in plant.store.all():
        assert (job.state, job.status, job.tries) == (JobState.DONE, 200, 1)
        assert job.result == answered(job.body)["body"]
        assert job.model_version == plant.servers.version
        assert job.due is None
    assert len(plant.events.ids) == 6


def test_jobs_wait_without_a_try_when_their_model_is_switched_off(plant):
    plant.accept(*some_jobs(2))
    plant.switch("iris", active=False)
    for _ in range(6):
        plant.work()
        plant.clock.advance(400)
    assert plant.servers.calls == []
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries) == (JobState.QUEUED, 0)
    assert job.reason == "iris is switched off at the moment"

    plant.switch("iris", active=True)
    plant.work()
    assert [plant.store.get(job_id(n)).state for n in range(2)] == [JobState.DONE] * 2


def test_group_ends_when_it_has_as_many_jobs_as_a_call_may_have(plant):
    plant.accept(*some_jobs(MOST_JOBS + 3))
    plant.work(plant.queue.receive(100))
    assert [len(call) for call in plant.servers.calls] == [MOST_JOBS, 3]


def test_refusal_ends_only_its_own_job_with_the_problem_document(plant):
    plant.servers.answer = lambda body: refused() if body == '"1"' else answered(body)
    plant.accept(*some_jobs(3))
    plant.work()
    jobs = [plant.store.get(job_id(n)) for n in range(3)]
    assert [job.state for job in jobs] == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert (jobs[1].status, jobs[1].result, jobs[1].reason) == (422, refused()["body"], "no")
    assert not plant.dead.ids  # the same request would be refused again


def test_neighbours_are_answered_in_the_same_invocation_when_one_job_crashes_the_server(plant):
    plant.servers.answer = crashes_on('"1"')
    plant.accept(*some_jobs(3))
    answer = plant.work()
    assert plant.servers.calls == [['"0"', '"1"', '"2"'], ['"0"'], ['"1"'], ['"2"']]
    assert len(answer["batchItemFailures"]) == 1
    states = [plant.store.get(job_id(n)).state for n in range(3)]
    assert states == [JobState.DONE, JobState.QUEUED, JobState.DONE]
    assert [m.body for m in plant.queue.messages.values()] == [job_id(1)]


def test_job_fails_for_good_with_its_reason_when_it_crashed_the_server_every_time(plant):
    plant.servers.answer = crashes_on('"0"')
    plant.accept(*some_jobs(1))
    pauses = []
    while plant.queue.messages:
        plant.work()
        visible = plant.queue.next_visible()
        if visible is not None:
            pauses.append(visible - plant.now)
            plant.clock.advance(visible - plant.now)
    assert pauses == [4, 16, 64]
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries, job.status, job.reason) == (JobState.FAILED, 4, 500, str(CRASH))
    assert msgspec.json.decode(job.result)["type"] == "urn:servery:problem:fault"
    assert list(plant.dead.reasons.values()) == [(job_id(0), str(CRASH))]
    assert plant.events.ids == [job_id(0)]


def test_job_that_was_tried_goes_alone_when_it_comes_back(plant):
    plant.servers.answer = crashes_on('"1"')
    plant.accept(*some_jobs(2))
    plant.work()
    plant.clock.advance(4)
    plant.servers.calls.clear()
    plant.accept(*[a_job(job_id(n), body=f'"{n}"') for n in (5, 6)])
    plant.work()
    assert plant.servers.calls == [['"5"', '"6"'], ['"1"']]


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (UnavailableError("the model cannot be loaded"), 503, "unavailable"),
        (DeadlineExceededError("model server", 25), 504, "deadline-exceeded"),
        (RuntimeError("secret 12345"), 500, "fault"),
    ],
)
def test_problem_says_what_a_synchronous_request_had_been_told_when_tries_are_used_up(
    plant, failure, status, kind
):
    plant.servers.answer = lambda body: failure
    plant.accept(*some_jobs(1))
    plant.finish()
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries, job.status) == (JobState.FAILED, 4, status)
    assert msgspec.json.decode(job.result)["type"] == f"urn:servery:problem:{kind}"
    assert "secret" not in job.result + job.reason
    assert plant.dead.ids == [job_id(0)]


def test_server_error_in_one_reply_is_tried_again_when_others_were_answered(plant):
    replies = iter([refused(503, "busy"), answered("late")])
    plant.servers.answer = lambda body: next(replies) if body == '"0"' else answered(body)
    plant.accept(*some_jobs(2))
    plant.work()
    job = plant.store.get(job_id(0))
    assert (job.state, job.reason) == (JobState.QUEUED, "busy")
    plant.finish()
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries, job.result) == (JobState.DONE, 2, answered("late")["body"])


def test_no_try_is_counted_when_the_platform_takes_no_calls(plant):
    plant.servers.answer = lambda body: ThrottledError("calling the model server is throttled")
    plant.accept(*some_jobs(2))
    pauses = []
    for _ in range(5):
        plant.work()
        pauses.append(plant.queue.next_visible() - plant.now)
        plant.clock.advance(pauses[-1])
    assert pauses == [2, 4, 8, 16, 32]
    assert [plant.store.get(job_id(n)).tries for n in range(2)] == [0, 0]
    assert not plant.dead.ids
    plant.servers.answer = answered
    plant.finish()
    assert all(job.state is JobState.DONE for job in plant.store.all())


def test_every_job_is_answered_alone_when_the_server_is_of_before_there_were_groups(plant):
    plant.servers.groups = False
    plant.accept(*some_jobs(3))
    plant.work()
    assert plant.servers.calls == [['"0"'], ['"1"'], ['"2"']]
    assert all(job.state is JobState.DONE and job.tries == 1 for job in plant.store.all())


def test_deferred_answers_are_asked_for_again_when_they_found_no_room(plant):
    plant.servers.room = 2
    plant.accept(*some_jobs(4))
    plant.work()
    assert plant.servers.calls == [['"0"', '"1"', '"2"', '"3"'], ['"2"'], ['"3"']]
    assert all(job.state is JobState.DONE and job.tries == 1 for job in plant.store.all())


def test_next_server_is_asked_when_the_one_that_was_known_is_gone(plant):
    plant.accept(*some_jobs(1))
    plant.deployments.get("iris")
    plant.deploy("iris", revision=2, server=2)
    known = plant.servers.call

    def call(server, payload, *, timeout):
        if server.function == "predictor:1":
            raise UnavailableError("the model server is not there")
        return known(server, payload, timeout=timeout)

    plant.servers.call = call
    plant.work()
    assert plant.store.get(job_id(0)).state is JobState.DONE


def test_job_fails_with_404_when_nothing_is_released_under_its_model_any_more(plant):
    plant.accept(a_job(job_id(0), model="gone"))
    assert plant.work() == {"batchItemFailures": []}
    job = plant.store.get(job_id(0))
    assert (job.state, job.status) == (JobState.FAILED, 404)
    assert msgspec.json.decode(job.result)["type"] == "urn:servery:problem:not-found"


def test_job_fails_with_413_when_the_model_takes_less_than_it_did(plant):
    plant.accept(a_job(job_id(0), body='"' + "x" * 4_000_000 + '"'), a_job(job_id(1)))
    plant.work()
    job = plant.store.get(job_id(0))
    assert (job.state, job.status) == (JobState.FAILED, 413)
    assert plant.store.get(job_id(1)).state is JobState.DONE


def test_job_fails_with_413_when_its_answer_is_too_large_for_the_platform(plant):
    plant.servers.answer = lambda body: (
        TooLargeError("the answer would be too large; send fewer rows")
        if body == '"0"'
        else answered(body)
    )
    plant.accept(*some_jobs(2))
    plant.work()
    assert plant.store.get(job_id(0)).status == 413
    assert plant.store.get(job_id(1)).state is JobState.DONE


def test_no_try_is_counted_when_the_registry_cannot_be_read(plant):
    def broken(model):
        raise UnavailableError("no registry")

    plant.deployments.get = broken
    plant.accept(*some_jobs(1))
    answer = plant.work()
    assert len(answer["batchItemFailures"]) == 1
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries) == (JobState.QUEUED, 0)


def test_large_body_is_read_from_the_bucket(plant):
    plant.documents.put("jobs/x/request.json", b'"large"')
    plant.accept(a_job(job_id(0), body="", body_key="jobs/x/request.json"))
    plant.work()
    assert plant.servers.calls == [['"large"']]


def test_job_fails_for_good_when_its_body_is_gone(plant):
    plant.accept(a_job(job_id(0), body="", body_key="jobs/x/request.json"), a_job(job_id(1)))
    plant.finish()
    job = plant.store.get(job_id(0))
    assert (job.state, job.tries) == (JobState.FAILED, 4)
    assert plant.store.get(job_id(1)).state is JobState.DONE


def test_large_answer_goes_to_the_bucket(plant):
    large = msgspec.json.encode("x" * 300_001).decode()
    plant.servers.answer = lambda body: answered(body, body=large)
    plant.accept(*some_jobs(1))
    plant.work()
    job = plant.store.get(job_id(0))
    assert job.result == ""
    assert plant.documents.get(job.result_key) == large.encode()


def test_expired_job_is_not_asked_for(plant):
    plant.accept(a_job(job_id(0), expires=EPOCH.timestamp() + 10))
    plant.clock.advance(20)
    assert plant.work() == {"batchItemFailures": []}
    assert plant.store.get(job_id(0)).state is JobState.EXPIRED
    assert not plant.servers.calls
    assert plant.events.ids == [job_id(0)]


def test_cancelled_job_is_not_asked_for(plant):
    plant.accept(a_job(job_id(0)))
    plant.store.put(cancel(plant.store.get(job_id(0)), now=plant.now, finished="f"))
    assert plant.work() == {"batchItemFailures": []}
    assert not plant.servers.calls
    assert not plant.events.ids  # whoever cancelled it tells of it, or a sweep does


def test_job_that_is_over_is_told_of_when_nobody_did_in_time(plant):
    plant.accept(a_job(job_id(0)))
    ending = Ending(state=JobState.DONE, status=200, result="1")
    plant.store.put(end(plant.store.get(job_id(0)), ending, now=plant.now, finished="f"))
    plant.clock.advance(31)
    plant.work()
    assert plant.events.ids == [job_id(0)]
    assert plant.store.get(job_id(0)).due is None


def test_job_of_another_worker_is_left_alone(plant):
    plant.accept(a_job(job_id(0)))
    job = plant.store.get(job_id(0))
    plant.store.put(claim(job, owner="other", now=plant.now, started="s", seconds=60))
    assert plant.work() == {"batchItemFailures": []}
    assert plant.store.get(job_id(0)).owner == "other"
    assert not plant.servers.calls


def test_forgotten_job_is_dropped(plant):
    plant.queue.send([job_id(0)])
    assert plant.work() == {"batchItemFailures": []}
    assert not plant.queue.messages


def test_jobs_come_back_untried_when_the_time_is_up(plant):
    plant.accept(*some_jobs(2))
    messages = plant.queue.receive()
    answer = plant.worker.serve(event_of(messages), Context("short", seconds=9))
    assert len(answer["batchItemFailures"]) == 2
    assert [plant.store.get(job_id(n)).tries for n in range(2)] == [0, 0]
    assert not plant.servers.calls


def test_slow_poison_costs_its_neighbours_no_try(plant):
    """The group hangs, then the poison hangs alone, and no time is left for the last ones."""

    def answer(body):
        if body == '"0"':
            plant.clock.advance(25)
            return DeadlineExceededError("model server", 25)
        return answered(body)

    plant.servers.answer = answer
    plant.accept(*some_jobs(3))
    plant.work()
    jobs = [plant.store.get(job_id(n)) for n in range(3)]
    assert [(job.state, job.tries) for job in jobs] == [
        (JobState.QUEUED, 1),
        (JobState.QUEUED, 0),
        (JobState.QUEUED, 0),
    ]
    plant.finish()
    states = [plant.store.get(job_id(n)).state for n in range(3)]
    assert states == [JobState.FAILED, JobState.DONE, JobState.DONE]


def test_worker_has_its_jobs_for_longer_than_it_lives(plant):
    leases = []

    def answer(body):
        leases.append(plant.store.get(job_id(0)).lease - plant.now)
        return answered(body)

    plant.servers.answer = answer
    plant.accept(*some_jobs(1))
    plant.work()
    assert leases == [65.0]
    assert plant.servers.timeouts == [25.0]


def test_job_ends_when_nobody_can_be_told_of_it_at_the_moment(plant):
    plant.accept(*some_jobs(1))
    plant.events.failure = UnavailableError("the bus is down")
    assert plant.work() == {"batchItemFailures": []}
    job = plant.store.get(job_id(0))
    assert job.state is JobState.DONE
    assert job.due is not None
    plant.events.failure = None
    plant.finish()
    assert plant.events.ids == [job_id(0)]
    assert len(plant.servers.calls) == 1


def test_everything_comes_back_when_the_store_does_not_answer(plant):
    plant.accept(*some_jobs(2))

    def broken(ids):
        raise UnavailableError("no table")

    plant.store.get_many = broken
    messages = plant.queue.receive()
    answer = plant.worker.serve(event_of(messages), Context("blind"))
    assert len(answer["batchItemFailures"]) == 2
    assert plant.queue.next_visible() - plant.now == 30
    assert not plant.servers.calls


def test_message_that_names_no_job_is_laid_aside_and_its_neighbours_are_served(plant):
    plant.accept(*some_jobs(1))
    plant.queue.send(['{"not": "an id"}'])
    assert plant.work() == {"batchItemFailures": []}
    [(body, reason)] = plant.dead.reasons.values()
    assert body == '{"not": "an id"}'
    assert reason == "the message is not the id of a job"
    assert plant.store.get(job_id(0)).state is JobState.DONE
    assert not plant.queue.messages


def test_event_is_answered_record_by_record_when_every_record_fails(plant):
    plant.servers.answer = lambda body: CRASH
    plant.accept(*some_jobs(3))
    answer = plant.work()
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert sorted(failed) == sorted(plant.queue.messages)
    assert plant.queue.next_visible() - plant.now == 4


def test_jobs_come_back_by_the_queues_own_time_when_hiding_fails(plant):
    plant.servers.answer = lambda body: CRASH
    plant.accept(*some_jobs(1))

    def broken(seconds):
        raise UnavailableError("no queue")

    plant.worker._hide = broken
    answer = plant.work()
    assert len(answer["batchItemFailures"]) == 1
    assert plant.queue.next_visible() - plant.now == 370


def test_each_job_is_in_the_prediction_log_like_a_request(plant):
    plant.servers.answer = lambda body: refused() if body == '"1"' else answered(body)
    plant.accept(*some_jobs(2))
    plant.work()
    good, bad = plant.log.entries
    assert (good["request_id"], good["route"], good["status"]) == ("r0", "job", 200)
    assert (good["input"], good["output"]) == ("0", {"answer_to": '"0"'})
    assert (good["model"], good["model_version"], good["rows"]) == ("iris", "1.0.0-1.1", 1)
    assert (good["training"], good["code"], good["model_ms"]) == ("tr0", "code-1", 0.5)
    assert (bad["status"], bad["error"], bad["input"]) == (422, "InvalidInputError", None)
    assert plant.flushed == [2.0]


def test_retried_job_is_logged_once_when_it_is_over(plant):
    plant.servers.answer = crashes_on('"0"')
    plant.accept(*some_jobs(1))
    plant.finish()
    [entry] = plant.log.entries
    assert (entry["status"], entry["error"]) == (500, "ModelServerError")


def test_metrics_say_how_jobs_went_and_how_long_they_waited(plant, capsys):
    plant.servers.answer = crashes_on('"1"')
    plant.accept(*some_jobs(3))
    plant.clock.advance(1.5)
    plant.work()
    [line] = [msgspec.json.decode(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["service"], line["model"]) == ("jobs", "iris")
    assert (line["JobsDone"], line["JobsFailed"], line["JobsRetried"]) == (2, 0, 1)
    assert (line["GroupSize"], line["QueueWait"]) == (3, 1500.0)


def test_event_of_a_queue_that_repeats_a_message_counts_it_once(plant):
    plant.accept(*some_jobs(1))
    first = plant.queue.receive()[0]
    other = Message("message-x", first.body, 0.0, 1)
    assert plant.work([first, other, first]) == {"batchItemFailures": []}
    assert len(plant.servers.calls) == 1
