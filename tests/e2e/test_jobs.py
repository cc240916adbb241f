"""Asynchronous requests: accepted once, answered once, whatever happens in between."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of

FINAL = {"done", "failed", "cancelled", "expired"}


def submit(stack: Stack, model: str, body: Any, **more: Any) -> httpx.Response:
    return stack.http.post(f"/v2/models/{model}/jobs", json=body, **more)


def ended(stack: Stack, job_id: str, *, seconds: float = 60) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        job = dict(stack.http.get(f"/jobs/{job_id}").raise_for_status().json())
        return job if job["state"] in FINAL else None

    return dict(wait_until(over, seconds=seconds, what=f"job {job_id} ends"))


def test_job_has_the_answer_of_a_direct_request_when_it_is_polled(stack: Stack, iris: dict) -> None:
    body = {"records": rows_of("iris", 5)[0]}
    accepted = submit(stack, "iris", body)
    assert accepted.status_code == 202, accepted.text
    assert int(accepted.headers["retry-after"]) >= 1
    location = accepted.url.join(accepted.headers["location"])
    assert location.path.endswith(f"/jobs/{accepted.json()['id']}")

    job = ended(stack, accepted.json()["id"])

    direct = stack.infer("iris", body).json()
    assert job["state"] == "done"
    assert job["status"] == 200
    assert job["model_version"] == direct["model_version"]
    assert job["result"]["predictions"] == direct["predictions"]
    assert job["error"] is None
    assert stack.http.get(location).json() == job


def test_job_says_what_a_direct_request_says_when_its_rows_are_refused(
    stack: Stack, iris: dict
) -> None:
    record = {**rows_of("iris", 1)[0][0], "petal_width": -1.0}
    job = ended(stack, submit(stack, "iris", {"records": [record]}).json()["id"])

    direct = stack.infer("iris", {"records": [record]})
    assert (job["state"], job["status"], job["tries"]) == ("failed", direct.status_code, 1)
    assert job["error"]["errors"] == direct.json()["errors"]
    assert job["result"] is None


@pytest.mark.parametrize(
    ("model", "body", "headers", "status"),
    [
        ("nobody", {"records": [{}]}, {}, 404),
        ("iris", [1], {}, 422),
        ("iris", {"neither": 1}, {}, 422),
        ("iris", {"records": [{}]}, {"content-type": "text/csv"}, 415),
        ("iris", {"records": [{}]}, {"x-callback-url": "https://10.1.2.3/x"}, 422),
        ("iris", {"records": [{}]}, {"x-callback-url": "http://169.254.169.254/"}, 422),
        ("iris", {"records": [{}]}, {"x-callback-url": "https://user:pw@example.com/"}, 422),
        ("iris", {"records": [{}]}, {"x-callback-url": "ftp://example.com/"}, 422),
        ("iris", {"records": [{}]}, {"idempotency-key": "x" * 300}, 422),
    ],
)
def test_job_is_refused_at_once_when_it_could_never_run(
    stack: Stack, iris: dict, model: str, body: Any, headers: dict[str, str], status: int
) -> None:
    refused = submit(stack, model, body, headers=headers)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


def test_one_job_is_made_when_a_key_is_sent_again(stack: Stack, iris: dict) -> None:
    body = {"records": rows_of("iris", 2)[0]}
    key = {"idempotency-key": uuid.uuid4().hex}
    first = submit(stack, "iris", body, headers=key)
    again = submit(stack, "iris", body, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]

    job = ended(stack, first.json()["id"])
    late = submit(stack, "iris", body, headers=key)
    assert late.json()["id"] == job["id"]
    assert ended(stack, job["id"]) == job

    other = submit(stack, "iris", {"records": rows_of("iris", 3)[0]}, headers=key)
    assert other.status_code == 409, other.text


def test_result_is_in_s3_and_in_the_answer_when_it_is_large(stack: Stack, iris: dict) -> None:
    rows = rows_of("iris", 150)[0] * 40
    job = ended(stack, submit(stack, "iris", {"records": rows}).json()["id"])

    assert job["state"] == "done", job["reason"]
    assert len(job["result"]["predictions"]) == len(rows)
    bucket = stack.status["outputs"]["ExchangeBucketName"]
    s3 = stack.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"jobs/{job['id']}/result-")
    (key,) = [entry["Key"] for entry in listed["Contents"]]
    kept = s3.get_object(Bucket=bucket, Key=key)
    assert json.loads(kept["Body"].read()) == job["result"]


@pytest.mark.slow
def test_jobs_are_listed_page_by_page_when_model_and_state_are_named(
    stack: Stack, iris: dict
) -> None:
    body = {"records": rows_of("iris", 1)[0]}
    made = [submit(stack, "iris", body).json()["id"] for _ in range(5)]
    for job_id in made:
        ended(stack, job_id)

    def listed() -> list[str] | None:
        found: list[str] = []
        query = {"model": "iris", "state": "done", "limit": "2"}
        for _ in range(100):
            page = stack.http.get("/jobs", params=query).raise_for_status().json()
            found += [job["id"] for job in page["jobs"]]
            assert all(job["state"] == "done" for job in page["jobs"])
            if not page["next"] or set(made) <= set(found):
                break
            query["before"] = page["next"]
        return found if set(made) <= set(found) else None

    found = wait_until(listed, seconds=20, what="all jobs are listed")
    assert [job_id for job_id in found if job_id in made] == made[::-1]
    assert len(found) == len(set(found))
    assert stack.http.get("/jobs", params={"state": "lost"}).status_code == 422
    assert stack.http.get("/jobs/nobody").status_code == 404


@pytest.fixture
def stopped_worker(stack: Stack) -> Iterator[Any]:
    """The queue of jobs is not read until `go_on` is called."""
    functions = stack.client("lambda")
    name = stack.status["functions"]["JobsWorkFunction"]
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]

    def switch(*, on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        wanted = "Enabled" if on else "Disabled"
        wait_until(
            lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == wanted,
            seconds=60,
            what=f"the worker's mapping is {wanted}",
        )

    switch(on=False)
    time.sleep(2)  # a poll that began before may still take messages; nothing tells its end
    yield lambda: switch(on=True)
    switch(on=True)


def test_job_never_runs_when_it_is_cancelled_before_it_starts(
    stack: Stack, iris: dict, stopped_worker: Any
) -> None:
    body = {"records": rows_of("iris", 1)[0]}
    cancelled, kept = (submit(stack, "iris", body).json()["id"] for _ in range(2))
    answer = stack.http.delete(f"/jobs/{cancelled}")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert stack.http.get(f"/jobs/{kept}").json()["state"] == "queued"

    stopped_worker()

    assert ended(stack, kept)["state"] == "done"
    job = ended(stack, cancelled)
    assert (job["state"], job["tries"], job["result"]) == ("cancelled", 0, None)
    assert stack.http.delete(f"/jobs/{kept}").status_code == 409


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_poison_fails_alone_and_works_again_when_it_is_driven_again(
    stack: Stack, iris: dict
) -> None:
    model = f"poison-{uuid.uuid4().hex[:6]}"
    assert stack.train(stack.spec("iris", name=model))["outcome"] == "registered"
    assert stack.release(model, mode="load")["state"] == "succeeded"
    body = {"records": rows_of("iris", 1)[0]}

    with stack.unloadable(model):
        bad = submit(stack, model, body).json()["id"]
        neighbours = [submit(stack, "iris", body).json()["id"] for _ in range(3)]
        for neighbour in neighbours:
            job = ended(stack, neighbour)
            assert (job["state"], job["tries"]) == ("done", 1)
        job = ended(stack, bad, seconds=180)
    assert (job["state"], job["tries"]) == ("failed", 4)
    assert job["reason"]

    def driven() -> bool:
        return bad in stack.json("jobs", "redrive", model)["redriven"]

    wait_until(driven, seconds=60, what="the job is driven again")
    job = ended(stack, bad, seconds=120)
    assert job["state"] == "done"
    assert stack.json("jobs", "redrive", model)["redriven"] == []


@dataclass
class Consumer:
    """A server on this machine that takes callbacks; refuses the first `refusals` of them."""

    refusals: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def consumer() -> Iterator[tuple[Consumer, str]]:
    state = Consumer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(503 if len(state.got) <= state.refusals else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state, f"http://127.0.0.1:{server.server_address[1]}/answers"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_callback_is_signed_and_tried_again_when_the_consumer_is_down_at_first(
    stack: Stack, iris: dict, consumer: tuple[Consumer, str]
) -> None:
    state, url = consumer
    state.refusals = 1
    body = {"records": rows_of("iris", 2)[0]}
    job_id = submit(stack, "iris", body, headers={"x-callback-url": url}).json()["id"]

    def delivered() -> dict[str, Any] | None:
        job = stack.http.get(f"/jobs/{job_id}").json()
        return job if job["callback"]["state"] == "delivered" else None

    job = wait_until(delivered, seconds=90, what="the callback is delivered")

    assert job["callback"]["tries"] == 2
    assert len(state.got) == 2
    secret = stack.json("jobs", "secret")["secret"]
    for headers, content in state.got:
        told = headers["x-servery-timestamp"]
        assert abs(time.time() - int(told)) < 120
        signed = hmac.new(secret.encode(), told.encode() + b"." + content, hashlib.sha256)
        assert headers["x-servery-signature"] == f"v1={signed.hexdigest()}"
        assert headers["x-servery-job"] == job_id
        document = json.loads(content)
        assert (document["id"], document["state"]) == (job_id, "done")
        assert document["result"]["predictions"] == job["result"]["predictions"]


def test_an_event_without_data_is_out_when_a_job_is_over(
    stack: Stack, iris: dict, events: Any
) -> None:
    record = {**rows_of("iris", 1)[0][0], "sepal_length": 5.4321098}
    job = ended(stack, submit(stack, "iris", {"records": [record]}).json()["id"])

    told = wait_until(lambda: events(job["id"]), seconds=60, what="the event is out")

    assert [event["detail-type"] for event in told] == ["Job finished"]
    detail = told[0]["detail"]
    assert (detail["model"], detail["state"]) == ("iris", "done")
    assert detail["model_version"] == job["model_version"]
    assert "5.4321098" not in json.dumps(told)


@pytest.mark.slow
def test_job_runs_all_the_same_when_the_queue_was_down_while_it_was_accepted(
    stack: Stack, iris: dict
) -> None:
    functions = stack.client("lambda")
    name = stack.status["functions"]["JobsServeFunction"]
    real = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(variables: dict[str, str]) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    url = real["JOBS_QUEUE_URL"]
    configure({**real, "JOBS_QUEUE_URL": f"{url}-that-is-gone"})
    try:
        accepted = submit(stack, "iris", {"records": rows_of("iris", 1)[0]})
    finally:
        configure(real)
    assert accepted.status_code == 202, accepted.text
    assert accepted.json()["state"] == "queued"

    assert ended(stack, accepted.json()["id"], seconds=180)["state"] == "done"
