"""The table of batches where it hurts: what expires, what is busy, what fails."""

from __future__ import annotations

import pytest
from botocore.exceptions import ConnectTimeoutError
from fakes.failing_client import FailingClient, refused
from fakes.moto_aws import moto_table
from servery.adapters.dynamodb_batches import DynamoDbBatches
from servery.domain.batches import Batch, BatchState, Source
from servery.errors import FaultError, ThrottledError, UnavailableError


@pytest.fixture
def client(monkeypatch):
    with moto_table(monkeypatch, "JobsTable", "jobs") as made:
        yield made


def a_batch(number, created="2026-03-01T12:00:00.000000+00:00", expires=1_800_000_000.5):
    source = Source(bucket="b", key=f"inbox/iris/{number}.csv", etag="e" * 32, size=10)
    return Batch(
        id=f"{number:024x}",
        model="iris",
        state=BatchState.QUEUED,
        created=created,
        expires=expires,
        source=source,
    )


def test_batch_and_its_pointer_expire_together_when_nobody_asks_any_more(client):
    DynamoDbBatches(client, "jobs").add(a_batch(1))
    items = client.scan(TableName="jobs")["Items"]

    assert {item["pk"]["S"].split("#")[0] for item in items} == {"batch", "content"}
    assert {item["expires_at"]["N"] for item in items} == {"1800000000"}
    ttl = client.describe_time_to_live(TableName="jobs")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at"


def test_a_new_batch_is_taken_when_the_pointer_has_outlived_its_own(client):
    store, first = DynamoDbBatches(client, "jobs"), a_batch(1, expires=1_772_000_000.0)
    store.add(first)
    client.delete_item(
        TableName="jobs", Key={"pk": {"S": f"batch#{first.id}"}, "sk": {"S": "batch"}}
    )
    second = a_batch(2)

    assert store.of_object("iris", second.source) is None
    assert store.add(second) == second
    assert store.of_object("iris", a_batch(3).source) == second


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("ThrottlingException"), ThrottledError),
        (refused("InternalServerError", 500), UnavailableError),
        (ConnectTimeoutError(endpoint_url="https://table"), UnavailableError),
        (refused("AccessDeniedException"), FaultError),
    ],
    ids=str,
)
def test_the_error_says_what_to_do_when_dynamodb_fails(error, expected):
    store = DynamoDbBatches(FailingClient(error), "jobs")
    for call in (
        lambda: store.add(a_batch(1)),
        lambda: store.get("a" * 24),
        lambda: store.put(a_batch(1)),
        lambda: store.page("iris", None, limit=1, before=""),
        lambda: list(store.results("a" * 24)),
        lambda: store.forget_results("a" * 24, ["00000"]),
        lambda: store.last_look("iris"),
        lambda: store.keep_look("iris", "now"),
    ):
        with pytest.raises(expected):
            call()


@pytest.mark.parametrize("reasons", [["None", "TransactionConflict"], ["ThrottlingError", "None"]])
def test_try_again_when_a_transaction_meets_another(reasons):
    error = refused("TransactionCanceledException", reasons=reasons)
    with pytest.raises(UnavailableError):
        DynamoDbBatches(FailingClient(error), "jobs").add(a_batch(1))
