import io
import json

import httpx
import pytest
from devkit import graph_jobs, jobs
from devkit.api import Api, ApiError
from devkit.errors import LeftAloneError
from devkit.screen import Screen
from rich.console import Console

JOB = {
    "id": "0" * 26,
    "graph": "iris-rest",
    "graph_revision": 2,
    "state": "open",
    "created": "2026-11-22T04:40:00.000001+00:00",
    "parts": [
        {"name": "setosa", "state": "done", "tries": 1, "ms": 12.4, "arrived": "2026-11-22"},
        {"name": "virginica", "state": "waiting", "tries": 0},
    ],
}
DONE = {
    **JOB,
    "state": "done",
    "partial": True,
    "missing": ["virginica"],
    "result": {"predictions": [{"class": "setosa", "scores": {"setosa": 0.98}}, None]},
}


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        return given.pop(0) if len(given) > 1 else given[0]

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def shown(job):
    console = Console(file=io.StringIO(), width=100)
    graph_jobs.show(Screen(console=console), job)
    return console.file.getvalue()


def test_rows_go_to_the_jobs_of_the_graph_when_they_are_submitted():
    caller, (seen) = api(httpx.Response(202, json=JOB))
    assert graph_jobs.submit(caller, "iris-rest", [{"a": 1}], key="k") == JOB
    (sent,) = seen
    assert (sent.method, sent.url.path) == ("POST", "/prod/v2/graphs/iris-rest/jobs")
    assert sent.headers["idempotency-key"] == "k"
    assert json.loads(sent.content) == {"records": [{"a": 1}]}


def test_key_is_made_up_when_none_is_given():
    caller, seen = api(httpx.Response(202, json=JOB))
    graph_jobs.submit(caller, "iris-rest", [])
    graph_jobs.submit(caller, "iris-rest", [])
    first, second = (sent.headers["idempotency-key"] for sent in seen)
    assert first != second


def test_list_is_named_when_there_is_no_such_job():
    caller, _ = api(httpx.Response(404, json={"detail": "there is no such job"}))
    with pytest.raises(ApiError) as caught:
        graph_jobs.get(caller, "iris-rest", "nothing")
    assert "servery graphs jobs iris-rest" in caught.value.hint


def test_the_end_is_given_back_when_it_is_waited_for(monkeypatch):
    caller, seen = api(httpx.Response(200, json=JOB), httpx.Response(200, json=DONE))
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)
    assert graph_jobs.wait(caller, JOB) == DONE
    assert {sent.url.path for sent in seen} == {f"/prod/v2/graphs/iris-rest/jobs/{JOB['id']}"}


def test_job_is_left_alone_when_somebody_does_not_want_to_wait():
    def interrupt(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(LeftAloneError) as caught:
        jobs.until_over(JOB, lambda: JOB, hint="look again", sleep=interrupt)
    assert caught.value.hint == "look again"


def test_each_part_has_a_line_when_a_job_is_shown():
    text = shown(JOB)
    assert "State     open" in text
    assert [line.split()[:3] for line in text.splitlines() if line.startswith(" ")][-2:] == [
        ["setosa", "done", "1"],
        ["virginica", "waiting"],
    ]


def test_answer_and_what_is_missing_are_shown_when_it_has_ended():
    text = shown({**DONE, "parts": [{**JOB["parts"][1], "late": True, "state": "failed"}]})
    assert "done, partial" in text
    assert "failed, late" in text
    assert "0.980" in text


def test_reason_and_fields_are_shown_when_it_failed():
    errors = [{"field": "records[0].petal_length", "message": "is more than 20"}]
    text = shown(
        {**JOB, "state": "failed", "reason": "setosa refuses", "error": {"errors": errors}}
    )
    assert "setosa refuses" in text
    assert "records[0].petal_length: is more than 20" in text
