"""Jobs on emulated AWS: the functions from request to sweep, and the adapters where it hurts."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections import Counter
from types import ModuleType

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from fakes.clock import EPOCH
from fakes.jobs import a_job
from fakes.jobs_office import deployment_of
from fakes.moto_aws import moto_account
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.adapters.dynamodb_job_items import SHARDS, SWEEPS
from servery.adapters.dynamodb_job_lists import AT_ONCE
from servery.adapters.dynamodb_jobs import DynamoDbJobs
from servery.adapters.s3_object_store import S3ObjectStore
from servery.adapters.sqs_jobs import SqsDeadJobs, SqsJobQueue
from servery.domain.job_changes import claim, end, mark_sent, told
from servery.domain.jobs import Ending, JobState, listed
from servery.errors import ArtifactError, FaultError, ThrottledError, UnavailableError
from servery.wiring import aws as shared
from servery.wiring import jobs as wiring

BODY = '{"records": [{"sepal_length": 5.1}]}'


def an_id(number: int) -> str:
    return f"{number:026x}"


@pytest.fixture
def cloud(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        create_table(boto3.client("dynamodb"), "JobsTable", "jobs")
        boto3.client("s3").create_bucket(Bucket="exchange")
        yield


@pytest.fixture
def table(cloud):
    return boto3.client("dynamodb")


@pytest.fixture
def store(table):
    return DynamoDbJobs(table, "jobs")


@pytest.fixture
def sqs(cloud):
    return boto3.client("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="queue")["QueueUrl"]


def received(sqs, url):
    """Every message that is visible now: its body and the text of its attributes."""
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        found += [
            (m["Body"], {n: a["StringValue"] for n, a in m.get("MessageAttributes", {}).items()})
            for m in messages
        ]
    return found


class TestTable:
    def test_item_is_what_other_readers_expect_when_a_job_is_added(self, store, table):
        job = store.add(a_job(due=EPOCH.timestamp() + 30))
        key = {"pk": {"S": f"job#{job.id}"}, "sk": {"S": "job"}}
        item = table.get_item(TableName="jobs", Key=key)["Item"]
        assert not {"body", "result", "state"} & json.loads(item["doc"]["S"]).keys()
        assert item["body"]["S"] == job.body
        shard = item["listing"]["S"].removeprefix("job#iris#")
        assert shard in {str(n) for n in range(SHARDS)}
        assert item["listing_state"]["S"] == f"job#iris#queued#{shard}"
        assert item["order"]["S"] == f"{job.created} {job.id}"
        assert item["order_state"]["S"] == f"2026-03-08T12:00:00.000000+00:00 {job.id}"
        assert json.loads(item["summary"]["S"]).keys() == {
            "id",
            "model",
            "state",
            "created",
            "expires",
        }
        assert item["sweep"]["S"] in {f"sweep#{n}" for n in range(SWEEPS)}
        assert item["expires_at"]["N"] == str(int(job.expires) + 86_400)

    def test_all_sweeps_are_used_when_there_are_many_jobs(self, store, table):
        for number in range(64):
            store.add(a_job(an_id(number), body=""))
        items = table.scan(TableName="jobs")["Items"]
        assert len({item["sweep"]["S"] for item in items}) == SWEEPS
        assert len(store.due(EPOCH.timestamp() + 30, limit=100)) == 64

    def test_all_shards_of_lists_are_used_when_there_are_many_jobs(self, store, table):
        for number in range(256):
            store.add(a_job(an_id(number), body=""))
        items = table.scan(TableName="jobs")["Items"]
        for name in ("listing", "listing_state"):
            shards = Counter(item[name]["S"] for item in items)
            assert len(shards) == SHARDS
            assert max(shards.values()) <= 2 * 256 / SHARDS

    def test_lists_are_not_written_when_a_change_shows_nowhere_in_them(self, store, table):
        def entries():
            return [
                table.scan(TableName="jobs", IndexName=index)["Items"]
                for index in ("by_model", "by_state")
            ]

        queued = store.add(a_job())
        before = entries()
        assert [set(entry) for [entry] in before] == [
            {"pk", "sk", "listing", "order", "summary"},
            {"pk", "sk", "listing_state", "order_state", "summary"},
        ]
        sent = mark_sent(queued, now=EPOCH.timestamp())
        store.put(sent)
        assert entries() == before
        running = claim(sent, owner="w", now=0.0, started="s", seconds=1)
        store.put(running)
        over = end(running, Ending(state=JobState.DONE), now=0.0, finished="f")
        store.put(over)
        before = entries()
        assert [json.loads(entry["summary"]["S"])["state"] for [entry] in before] == ["done"] * 2
        store.put(told(over))
        assert entries() == before

    def test_what_never_changes_is_not_sent_when_a_job_changes(self, store, cloud):
        sent = []
        spying = boto3.client("dynamodb")
        spying.meta.events.register(
            "provide-client-params.dynamodb.UpdateItem",
            lambda params, **_: sent.append(params["UpdateExpression"]),
        )
        DynamoDbJobs(spying, "jobs").put(mark_sent(store.add(a_job()), now=EPOCH.timestamp()))
        [update] = sent
        assert set(re.findall(r"#(\w+)", update)) == {
            "doc",
            "revision",
            "summary",
            "listing_state",
            "order_state",
            "due",
            "expires_at",
            "result",
        }

    def test_entries_are_small_when_nobody_is_called_back(self, store, table):
        """One write to an index is for 1 KB."""

        def sizes():
            for index in ("by_model", "by_state", "by_due"):
                [entry] = table.scan(TableName="jobs", IndexName=index)["Items"]
                yield sum(len(name) + len(*value.values()) for name, value in entry.items())

        job = store.add(a_job(model="a-model-with-a-long-name", request_id="r" * 64))
        running = claim(job, owner="w" * 64, now=0.0, started=job.created, seconds=1)
        store.put(running)
        assert max(sizes()) <= 800
        ending = Ending(state=JobState.DONE, status=200, model_version="10.11.12-13.14")
        store.put(end(running, ending, now=EPOCH.timestamp(), finished=job.created))
        assert max(sizes()) <= 800

    def test_all_are_read_when_they_are_more_than_one_answer_holds(self, store):
        """DynamoDB gives 16 MB at once and names the rest."""
        jobs = {}
        for number in range(45):
            job = store.add(a_job(an_id(number), body="b" * 100_000))
            job = claim(job, owner="w", now=0.0, started="", seconds=1)
            store.put(job)
            ending = Ending(state=JobState.DONE, result="r" * 290_000)
            job = end(job, ending, now=0.0, finished="")
            store.put(job)
            jobs[job.id] = job
        assert store.get_many(jobs) == jobs

    def test_throttled_when_nothing_of_what_is_asked_for_is_read(self, cloud):
        class Busy:
            def batch_get_item(self, **request):
                return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

        with pytest.raises(ThrottledError):
            DynamoDbJobs(Busy(), "jobs").get_many([an_id(1)])

    def test_the_rest_is_asked_for_when_only_a_part_is_read(self, store, table):
        job = store.add(a_job())
        other = store.add(a_job(an_id(7)))
        asked = []

        class Slow:
            def batch_get_item(self, **request):
                keys = request["RequestItems"]["jobs"]["Keys"]
                asked.append(len(keys))
                first = {"jobs": {"Keys": keys[:1]}}
                answer = table.batch_get_item(RequestItems=first)
                rest = {"jobs": {"Keys": keys[1:]}} if keys[1:] else {}
                return {**answer, "UnprocessedKeys": rest}

        found = DynamoDbJobs(Slow(), "jobs").get_many([job.id, other.id])
        assert (found, asked) == ({job.id: job, other.id: other}, [2, 1])

    @pytest.mark.parametrize(
        ("failure", "error"),
        [
            (ConnectTimeoutError(endpoint_url="x"), UnavailableError),
            (ReadTimeoutError(endpoint_url="x"), UnavailableError),
            (
                ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "x"),
                ThrottledError,
            ),
            (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), FaultError),
        ],
    )
    def test_errors_are_ours_when_dynamodb_does_not_answer(self, cloud, failure, error):
        class Broken:
            def __getattr__(self, name):
                def fail(*args, **arguments):
                    raise failure

                return fail

            def get_paginator(self, name):
                return self

        store = DynamoDbJobs(Broken(), "jobs")
        for call in (
            lambda: store.add(a_job()),
            lambda: store.get(an_id(1)),
            lambda: store.get_many([an_id(1)]),
            lambda: store.put(a_job(revision=2)),
            lambda: store.page("iris", None, limit=9, before="", now=0.0),
        ):
            with pytest.raises(error):
                call()


class Gate:
    """A client whose queries wait for one another: nothing goes on until `AT_ONCE` are there."""

    def __init__(self, client):
        self._client = client
        self._guard = threading.Lock()
        self._barrier = threading.Barrier(AT_ONCE)
        self.under_way = self.most = self.queries = 0
        self.threads = set()

    def query(self, **request):
        with self._guard:
            self.under_way += 1
            self.queries += 1
            self.most = max(self.most, self.under_way)
            self.threads.add(threading.get_ident())
        self._barrier.wait(timeout=30)
        try:
            return self._client.query(**request)
        finally:
            with self._guard:
                self.under_way -= 1


class TestLists:
    def test_shards_are_asked_at_once_when_a_page_is_read(self, store, table):
        """A page of jobs that are spread evenly is one round trip."""
        jobs = [store.add(a_job(an_id(n), body="")) for n in range(64)]
        gate = Gate(table)
        found = DynamoDbJobs(gate, "jobs").page("iris", None, limit=21, before="", now=0.0)
        assert found == [listed(job) for job in jobs[::-1][:21]]
        assert (gate.queries, gate.most) == (SHARDS, AT_ONCE)

    def test_no_more_are_under_way_when_a_list_is_of_more_partitions(self, store, table):
        job = store.add(a_job())
        gate = Gate(table)
        lists = DynamoDbJobs(gate, "jobs")
        for _ in range(2):
            found = lists.page("iris", JobState.EXPIRED, limit=9, before="", now=job.expires)
            assert [each.id for each in found] == [job.id]
        assert (gate.queries, gate.most) == (2 * SHARDS * len(JobState), AT_ONCE)
        assert len(gate.threads) == AT_ONCE
        assert threading.get_ident() not in gate.threads


class TestQueues:
    def test_all_are_sent_when_they_are_more_than_fit_one_call(self, sqs, url):
        SqsJobQueue(sqs, url).send([an_id(n) for n in range(23)])
        assert sorted(body for body, _ in received(sqs, url)) == [an_id(n) for n in range(23)]

    def test_nothing_is_sent_when_there_is_nothing(self, sqs, url):
        SqsJobQueue(sqs, url).send([])
        assert received(sqs, url) == []

    @pytest.mark.parametrize(("delay", "seconds"), [(0.2, 1), (899.5, 900), (5000, 900)])
    def test_they_are_hidden_for_as_long_as_sqs_can_when_they_are_to_wait(self, delay, seconds):
        sent = []

        class Client:
            def send_message_batch(self, **request):
                sent.extend(request["Entries"])
                return {}

        SqsJobQueue(Client(), "url").send(["a"], delay=delay)
        assert [entry["DelaySeconds"] for entry in sent] == [seconds]

    def test_unavailable_when_sqs_refuses_some_of_them(self):
        class Client:
            def send_message_batch(self, **request):
                return {"Failed": [{"Id": "0", "Code": "InternalError"}]}

        with pytest.raises(UnavailableError, match="3 of 25"):
            SqsJobQueue(Client(), "url").send([an_id(n) for n in range(25)])

    def test_error_is_ours_when_the_queue_is_gone(self, sqs):
        with pytest.raises(FaultError):
            SqsJobQueue(sqs, "https://sqs.us-east-1.amazonaws.com/1/gone").send(["a"])

    def test_reason_goes_with_it_when_a_job_is_laid_aside(self, sqs, url):
        SqsDeadJobs(sqs, url).add("a", "no\nanswer\x00 " + "x" * 2000)
        [(body, attributes)] = received(sqs, url)
        assert (body, attributes["reason"]) == ("a", ("no answer  " + "x" * 2000)[:1000])

    @pytest.mark.parametrize("limit", [1, 12, 100])
    def test_no_more_than_asked_for_are_taken_and_they_are_hidden_then(self, sqs, url, limit):
        dead = SqsDeadJobs(sqs, url)
        for number in range(25):
            dead.add(an_id(number), "")
        taken = dead.take(limit)
        assert len(taken) == min(limit, 25)
        rest = dead.take(100)
        assert sorted([*taken.values(), *rest.values()]) == [an_id(n) for n in range(25)]
        dead.remove([*taken, *rest])
        for handle in rest:  # what is deleted cannot be shown again
            with pytest.raises(ClientError):
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
                )


def test_large_documents_are_kept_when_they_are_in_the_bucket(cloud):
    documents = S3ObjectStore(boto3.client("s3"), "exchange")
    documents.put("jobs/a/result.json", b"{}")
    assert documents.get("jobs/a/result.json") == b"{}"
    with pytest.raises(ArtifactError):
        documents.get("jobs/b/result.json")


# The functions as Lambda runs them


class Context:
    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self):
        return 29_000


def function(verb: str) -> ModuleType:
    path = ROOT / "functions" / "jobs" / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"jobs_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    for module in (wiring, shared):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def queues(cloud, sqs, monkeypatch):
    """The environment that the template gives; the address of each queue by its setting."""
    create_table(boto3.client("dynamodb"), "RegistryTable", "registry")
    settings = {
        "POWERTOOLS_SERVICE_NAME": "jobs",
        "EXCHANGE_BUCKET": "exchange",
        "JOBS_TABLE": "jobs",
        "REGISTRY_TABLE": "registry",
        "JOB_RETENTION_DAYS": "7",
    }
    for name in ("JOBS_QUEUE_URL", "JOBS_DEAD_QUEUE_URL", "CALLBACK_QUEUE_URL"):
        settings[name] = sqs.create_queue(QueueName=name.lower())["QueueUrl"]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    forget()
    wiring.registry().put_deployment(deployment_of("iris"))
    yield settings
    forget()


@pytest.fixture
def send(queues):
    serve = function("serve")

    def send(method, path, body="", query=None, **headers):
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "queryStringParameters": query,
            "body": body,
        }
        response = serve.handler(event, Context())
        return response["statusCode"], json.loads(response["body"])

    return send


def test_a_job_goes_from_submit_to_list_to_cancel_when_the_functions_run(send, queues, sqs):
    url = "https://example.com/done"
    query = {"callback_url": url}
    status, job = send("POST", "/v2/models/iris/jobs", BODY, query, idempotency_key="k")
    assert (status, job["state"], job["callback"]["url"]) == (202, "queued", url)
    again = send("POST", "/v2/models/iris/jobs", BODY, query, idempotency_key="k")
    assert again == (202, job)
    assert received(sqs, queues["JOBS_QUEUE_URL"]) == [(job["id"], {})]
    assert send("GET", f"/jobs/{job['id']}") == (200, job)
    assert send("GET", "/jobs", query={"state": "queued"}) == (200, {"jobs": [job], "next": ""})
    status, cancelled = send("DELETE", f"/jobs/{job['id']}")
    assert (status, cancelled["state"]) == (200, "cancelled")
    assert send("DELETE", f"/jobs/{'f' * 26}")[0] == 404


def test_a_private_address_is_refused_when_it_is_to_be_called_back(send):
    query = {"callback_url": "https://169.254.169.254/latest"}
    assert send("POST", "/v2/models/iris/jobs", BODY, query)[0] == 422


def test_large_body_and_result_are_in_the_bucket_when_they_do_not_fit_the_table(send):
    body = '{"records": "' + "ü" * 60_000 + '"}'
    _, job = send("POST", "/v2/models/iris/jobs", body)
    kept = wiring.job_store().get(job["id"])
    assert wiring.documents().get(kept.body_key).decode() == body


def test_job_is_accepted_and_the_sweep_sends_it_when_the_queue_was_gone(
    send, queues, sqs, monkeypatch
):
    good = queues["JOBS_QUEUE_URL"]
    monkeypatch.setenv("JOBS_QUEUE_URL", good + "-gone")
    status, job = send("POST", "/v2/models/iris/jobs", BODY)
    assert status == 202
    monkeypatch.setenv("JOBS_QUEUE_URL", good)
    forget()
    store = wiring.job_store()
    kept = store.get(job["id"])
    aged = type(kept)(
        **{name: getattr(kept, name) for name in kept.__struct_fields__}
        | {"due": 1.0, "revision": kept.revision + 1}
    )
    store.put(aged)
    done = function("sweep").handler({}, Context())
    assert done["counts"] == {"sent": 1}
    assert received(sqs, good) == [(job["id"], {})]
    assert function("sweep").handler({}, Context())["counts"] == {}


def test_failed_job_goes_round_again_when_it_is_driven(send, queues, sqs):
    _, job = send("POST", "/v2/models/iris/jobs", BODY)
    store = wiring.job_store()
    running = claim(store.get(job["id"]), owner="w", now=0.0, started="s", seconds=1)
    store.put(running)
    ending = Ending(state=JobState.FAILED, status=503, reason="no answer")
    store.put(end(running, ending, now=0.0, finished="f"))
    wiring.dead_jobs().add(job["id"], "no answer")
    assert function("sweep").handler({}, Context())["counts"] == {"told": 1}
    received(sqs, queues["JOBS_QUEUE_URL"])
    driven = send("POST", "/jobs/redrive", '{"model": "iris"}', content_type="application/json")
    assert driven == (200, {"redriven": [job["id"]], "left": False})
    assert received(sqs, queues["JOBS_QUEUE_URL"]) == [(job["id"], {})]
    assert send("GET", f"/jobs/{job['id']}")[1]["reason"] == "driven again"
