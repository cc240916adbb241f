"""Telling whoever asked to be told: once where it goes, again where it has to be."""

from __future__ import annotations

import msgspec
import pytest
from fakes.job_servers import answered
from fakes.jobs import a_job
from servery.domain.job_changes import redrive
from servery.domain.jobs import MAX_CALLBACK_TRIES, CallbackState, JobState
from servery.errors import FaultError, InvalidInputError, UnavailableError

JOB, URL = f"{7:026x}", "https://example.com/hook"


def state(plant):
    return plant.store.get(JOB).callback


@pytest.fixture
def over(plant):
    """A job that is over, its callback in the queue."""
    plant.accept(a_job(JOB, callback_url=URL))
    plant.work()
    assert state(plant) is CallbackState.PENDING
    return plant


def test_caller_is_told_the_job_with_its_result(over):
    assert over.call_back() == {"batchItemFailures": []}
    [call] = over.caller.calls
    told = msgspec.json.decode(call.body)
    assert (call.url, call.job_id) == (URL, JOB)
    assert (told["id"], told["state"], told["status"]) == (JOB, "done", 200)
    assert told["result"] == msgspec.json.decode(answered(over.store.get(JOB).body)["body"])
    job = over.store.get(JOB)
    assert (job.callback, job.callback_tries) == (CallbackState.DELIVERED, 1)


def test_result_is_left_out_when_it_is_large(plant):
    large = msgspec.json.encode("x" * 200_000).decode()
    plant.servers.answer = lambda body: answered(body, body=large)
    plant.accept(a_job(JOB, callback_url=URL))
    plant.finish()
    told = msgspec.json.decode(plant.caller.calls[0].body)
    assert (told["state"], told["result"]) == ("done", None)


def test_nobody_is_called_twice_when_the_message_comes_twice(over):
    over.callbacks.send([JOB])
    over.call_back()
    over.callbacks.send([JOB])
    assert over.call_back() == {"batchItemFailures": []}
    assert len(over.caller.calls) == 1


@pytest.mark.parametrize("answer", [500, 503, 408, 425, 429, UnavailableError("nobody answered")])
def test_caller_is_called_again_later_and_later_when_it_does_not_take_it(over, answer):
    over.caller.answer = lambda url: answer
    pauses = []
    while over.callbacks.messages:
        over.call_back()
        visible = over.callbacks.next_visible()
        if visible is not None:
            pauses.append(visible - over.now)
            over.clock.advance(pauses[-1])
    assert pauses == [5, 10, 20, 40, 80, 160, 320]
    job = over.store.get(JOB)
    assert (job.callback, job.callback_tries) == (CallbackState.FAILED, MAX_CALLBACK_TRIES)
    assert job.state is JobState.DONE


@pytest.mark.parametrize(
    "answer", [301, 302, 307, 400, 401, 404, 410, InvalidInputError("not to be called")]
)
def test_callback_fails_at_once_when_there_is_no_use_in_another(over, answer):
    over.caller.answer = lambda url: answer
    assert over.call_back() == {"batchItemFailures": []}
    assert state(over) is CallbackState.FAILED
    assert len(over.caller.calls) == 1


def test_callback_gets_there_when_the_caller_recovers(over):
    answers = iter([503, 200])
    over.caller.answer = lambda url: next(answers)
    over.finish()
    job = over.store.get(JOB)
    assert (job.callback, job.callback_tries) == (CallbackState.DELIVERED, 2)


def test_no_try_is_counted_when_the_secret_cannot_be_read(over):
    over.caller.answer = lambda url: FaultError("reading the callback secret was refused")
    answer = over.call_back()
    assert len(answer["batchItemFailures"]) == 1
    job = over.store.get(JOB)
    assert (job.callback, job.callback_tries) == (CallbackState.PENDING, 0)


def test_one_that_fails_costs_the_others_nothing(plant):
    ids = [f"{n:026x}" for n in range(3)]
    plant.accept(*[a_job(i, callback_url=f"https://example.com/{i}") for i in ids])
    plant.work()
    plant.caller.answer = lambda url: RuntimeError("odd") if url.endswith("1") else 200
    answer = plant.call_back()
    assert len(answer["batchItemFailures"]) == 1
    states = [plant.store.get(i).callback for i in ids]
    assert states == [CallbackState.DELIVERED, CallbackState.PENDING, CallbackState.DELIVERED]


def test_nobody_is_called_when_the_job_was_driven_again(over):
    job = over.store.get(JOB)
    failed = msgspec.structs.replace(job, revision=job.revision + 1, state=JobState.FAILED)
    over.store.put(failed)
    over.store.put(redrive(failed, now=over.now, expires=failed.expires))
    over.call_back()
    assert not over.caller.calls


def test_nobody_is_called_when_the_job_is_forgotten(over):
    over.store.forget(JOB)
    assert over.call_back() == {"batchItemFailures": []}
    assert not over.caller.calls


def test_stranger_in_the_queue_is_dropped(plant):
    plant.callbacks.send(["https://evil.example"])
    assert plant.call_back() == {"batchItemFailures": []}
    assert not plant.callbacks.messages
    assert not plant.caller.calls


def test_metrics_say_how_callbacks_went(over, capsys):
    over.call_back()
    line = msgspec.json.decode(capsys.readouterr().out.splitlines()[-1])
    assert (line["CallbacksDelivered"], line["CallbacksFailed"], line["model"]) == (1, 0, "iris")
