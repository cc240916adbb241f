import io
import json
from types import SimpleNamespace

import httpx
import pytest
from devkit import callback_secret, jobs
from devkit.api import Api, ApiError
from devkit.errors import DevkitError, LeftAloneError
from devkit.screen import Screen
from rich.console import Console

JOB = {
    "id": "j1",
    "model": "iris",
    "state": "queued",
    "created": "2026-11-22T04:40:01.123Z",
    "started": "",
    "finished": "",
    "tries": 0,
    "status": 0,
    "model_version": "",
    "result": None,
    "error": None,
    "reason": "",
    "callback": None,
}
PREDICTED = {
    "model": "iris",
    "model_version": "1.0.0-a.s1",
    "request_id": "r1",
    "served_by": "champion",
    "predictions": [{"class": "setosa", "probabilities": {"setosa": 0.9}}],
}


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        return given.pop(0) if len(given) > 1 else given[0]

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def job(**changes):
    return httpx.Response(200, json={**JOB, **changes})


def shown(look, content, width=80):
    console = Console(file=io.StringIO(), width=width)
    look(Screen(console=console), content)
    return console.file.getvalue()


def test_key_and_callback_are_headers_when_a_job_is_submitted():
    caller, seen = api(httpx.Response(202, json=JOB))
    jobs.submit(caller, "iris", [{"a": 1}], key="k1", callback_url="https://example.org/x")
    assert (seen[0].method, seen[0].url.path) == ("POST", "/prod/v2/models/iris/jobs")
    assert seen[0].headers["idempotency-key"] == "k1"
    assert seen[0].headers["x-callback-url"] == "https://example.org/x"
    assert json.loads(seen[0].content) == {"records": [{"a": 1}]}


def test_one_key_is_sent_each_time_when_the_api_was_busy():
    busy = httpx.Response(503, headers={"retry-after": "0"}, json={})
    caller, seen = api(busy, httpx.Response(202, json=JOB))
    jobs.submit(caller, "iris", [{"a": 1}])
    first, second = (request.headers["idempotency-key"] for request in seen)
    assert first == second
    assert "x-callback-url" not in seen[0].headers


def test_other_key_is_advised_when_it_was_used_for_something_else():
    caller, _ = api(httpx.Response(409, json={"detail": "another body"}))
    with pytest.raises(ApiError) as caught:
        jobs.submit(caller, "iris", [{"a": 1}], key="k1")
    assert "another --key" in caught.value.hint


def test_list_of_jobs_is_advised_when_there_is_no_such_job():
    caller, _ = api(httpx.Response(404, json={"detail": "no such job"}))
    with pytest.raises(ApiError) as caught:
        jobs.get(caller, "j1")
    assert "servery jobs list" in caught.value.hint


def test_waiting_ends_when_the_job_is_over():
    caller, seen = api(job(state="running"), job(state="done"))
    pauses = []
    over = jobs.wait(caller, dict(JOB), sleep=pauses.append)
    assert over["state"] == "done"
    assert len(seen) == len(pauses) == 2


def test_job_is_left_alone_when_somebody_stops_waiting():
    def stop(_):
        raise KeyboardInterrupt

    caller, _ = api(job())
    with pytest.raises(LeftAloneError) as caught:
        jobs.wait(caller, dict(JOB), sleep=stop)
    assert caught.value.hint.endswith("servery jobs show j1")


def test_all_of_them_are_driven_again_when_one_request_does_not_reach():
    caller, seen = api(
        httpx.Response(200, json={"redriven": ["a", "b"], "left": True}),
        httpx.Response(200, json={"redriven": ["c"], "left": False}),
    )
    assert jobs.redrive(caller, "iris") == {"redriven": ["a", "b", "c"], "left": False}
    assert json.loads(seen[1].content) == {"model": "iris"}


def test_redrive_ends_when_what_is_left_cannot_be_driven():
    caller, seen = api(httpx.Response(200, json={"redriven": [], "left": True}))
    assert jobs.redrive(caller, None) == {"redriven": [], "left": True}
    assert json.loads(seen[0].content) == {}


def test_predictions_are_shown_when_a_job_is_done():
    over = {**JOB, "state": "done", "status": 200, "tries": 1, "result": PREDICTED}
    text = shown(jobs.show, over)
    assert "done, HTTP 200, 1 try" in text
    assert "setosa" in text


def test_fields_are_shown_when_a_job_was_refused():
    error = {"errors": [{"field": "records[0].a", "message": "is no number"}]}
    text = shown(jobs.show, {**JOB, "state": "failed", "reason": "1 field", "error": error})
    assert "records[0].a: is no number" in text


def test_callback_is_shown_when_the_job_has_one():
    callback = {"url": "https://example.org/x", "state": "delivered", "tries": 2}
    text = shown(jobs.show, {**JOB, "callback": callback})
    assert "delivered, 2 tries, https://example.org/x" in text


def test_callback_is_announced_when_the_job_is_not_over():
    callback = {"url": "https://example.org/x", "state": "none", "tries": 0}
    text = shown(jobs.show, {**JOB, "callback": callback})
    assert "when it is over, to https://example.org/x" in text


def test_end_is_cut_off_when_a_result_of_tensors_is_long():
    outputs = [{"name": "value", "data": [1.5] * 2000}]
    text = shown(jobs.show, {**JOB, "state": "done", "result": {"outputs": outputs}})
    assert "--json gives all of it" in text
    assert len(text) < 3000


class MissingError(Exception): ...


class TakenError(Exception): ...


class FakeParameters:
    """SSM with at most one parameter; `late` is there after the first look."""

    exceptions = SimpleNamespace(ParameterNotFound=MissingError, ParameterAlreadyExists=TakenError)

    def __init__(self, value=None, late=None):
        self.value, self.late, self.kinds = value, late, []

    def get_parameter(self, **asked):
        assert asked["WithDecryption"]
        found, self.value = self.value, self.value or self.late
        if found is None:
            raise MissingError
        return {"Parameter": {"Name": asked["Name"], "Value": found}}

    def put_parameter(self, **asked):
        if self.value is not None and not asked["Overwrite"]:
            raise TakenError
        self.value = asked["Value"]
        self.kinds.append(asked["Type"])


class FakeDeployed:
    def __init__(self, client, outputs):
        self.outputs, self._client = outputs, client

    @property
    def target(self):
        return self

    def client(self, service):
        assert service == "ssm"
        return self._client


def read(client, **more):
    outputs = {"CallbackSecretName": "/servery/s/callback-secret"}
    return callback_secret.read(FakeDeployed(client, outputs), **more)


def test_secret_is_read_when_there_is_one():
    client = FakeParameters("old")
    assert read(client)["secret"] == "old"
    assert client.kinds == []


def test_secret_is_made_when_there_is_none():
    client = FakeParameters()
    assert read(client) == {
        "name": "/servery/s/callback-secret",
        "secret": client.value,
        "rotated": False,
    }
    assert len(bytes.fromhex(client.value)) == 32
    assert client.kinds == ["SecureString"]


def test_secret_of_the_function_is_taken_when_it_was_first():
    assert read(FakeParameters(late="theirs"))["secret"] == "theirs"


def test_secret_is_another_when_it_is_rotated():
    client = FakeParameters("old")
    answer = read(client, rotate=True)
    assert answer["rotated"]
    assert answer["secret"] == client.value != "old"


def test_deploy_is_advised_when_the_stack_is_older_than_callbacks():
    with pytest.raises(DevkitError) as caught:
        callback_secret.read(FakeDeployed(FakeParameters(), {}))
    assert "Deploy" in caught.value.hint


def test_stage_is_shown_when_the_job_is_the_second_answer():
    assert "Stage     heavy" in shown(jobs.show, {**JOB, "stage": "heavy"})
    assert "Stage" not in shown(jobs.show, {**JOB, "stage": ""})
