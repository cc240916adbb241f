"""The registry's table where it hurts: throttling, pages, large records, keys that nobody has."""

from __future__ import annotations

import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError
from fakes.clock import SetClock
from fakes.failing_client import FailingClient, refused
from fakes.moto_aws import moto_table
from fakes.records import a_deployment, a_model, a_release, a_run, a_version
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.errors import (
    FaultError,
    NotFoundError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)


@pytest.fixture
def client(monkeypatch):
    with moto_table(monkeypatch, "RegistryTable", "registry") as made:
        yield made


@pytest.fixture
def registry(client):
    return DynamoDbRegistry(client, "registry", SetClock())


def test_all_come_when_they_fill_several_pages(registry):
    long = "x" * 300_000  # a page of a query has 1 MB
    for number in range(8):
        registry.put_model(a_model(f"model-{number}", description=long))
        registry.put_run(
            a_run(f"iris-{number}", started=f"2026-03-01T12:0{number}:00+00:00", reasons=[long])
        )
    assert [m.name for m in registry.models()] == [f"model-{n}" for n in range(8)]
    newest = [run.training_id for run in registry.runs("iris", 6)]
    assert newest == [f"iris-{n}" for n in (7, 6, 5, 4, 3, 2)]
    assert [r.training_id for r in registry.runs("iris", 6, "iris-2")] == ["iris-1", "iris-0"]


def test_too_large_when_a_record_does_not_fit_into_an_item(registry):
    with pytest.raises(TooLargeError, match="380 kB"):
        registry.put_model(a_model(description="ü" * 190_001))
    with pytest.raises(NotFoundError):
        registry.model("iris")


def test_a_record_fits_when_it_is_as_large_as_allowed(registry):
    registry.put_model(a_model(description="x" * 379_000))
    assert len(registry.model("iris").description) == 379_000


def test_leases_and_nothing_else_expire_when_nobody_gives_them_back(client, registry):
    registry.put_model(a_model())
    registry.add_version(a_version())
    registry.put_deployment(a_deployment())
    registry.put_release(a_release())
    registry.take_lease("predictor", "one", seconds=30.5)
    items = client.scan(TableName="registry")["Items"]
    expiring = [item for item in items if "expires_at" in item]
    assert [item["pk"]["S"] for item in expiring] == ["LEASE#predictor"]
    now = SetClock().now().timestamp()
    assert int(expiring[0]["expires_at"]["N"]) == now + 31
    ttl = client.describe_time_to_live(TableName="registry")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at"


@pytest.mark.parametrize("name", ["\ud800", "\x00", "a" * 2049, "MODELS", "LEASE#x"])
def test_not_found_when_the_name_is_hostile(registry, name):
    registry.put_model(a_model())
    for read in (registry.model, registry.deployment):
        with pytest.raises(NotFoundError):
            read(name)
    with pytest.raises(NotFoundError):
        registry.release("iris", name)
    with pytest.raises(NotFoundError):
        registry.run("iris", name)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("ProvisionedThroughputExceededException"), ThrottledError),
        (refused("ThrottlingException"), ThrottledError),
        (refused("InternalServerError", 500), UnavailableError),
        (refused("ServiceUnavailable", 503), UnavailableError),
        (ConnectTimeoutError(endpoint_url="https://table"), UnavailableError),
        (refused("AccessDeniedException"), FaultError),
        (refused("ResourceNotFoundException"), FaultError),
        (NoCredentialsError(), FaultError),
    ],
    ids=str,
)
def test_the_error_says_what_to_do_when_dynamodb_fails(error, expected):
    registry = DynamoDbRegistry(FailingClient(error), "registry", SetClock())
    for call in (
        lambda: registry.model("iris"),
        lambda: registry.versions("iris"),
        lambda: registry.put_model(a_model()),
        lambda: registry.put_deployment(a_deployment()),
        lambda: registry.take_lease("predictor", "one", seconds=1),
        lambda: registry.end_lease("predictor", "one"),
    ):
        with pytest.raises(expected):
            call()


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_try_again_when_a_transaction_meets_another(reason):
    error = refused("TransactionCanceledException", reasons=["None", reason])
    registry = DynamoDbRegistry(FailingClient(error), "registry", SetClock())
    with pytest.raises(UnavailableError):
        registry.put_deployment(a_deployment())


def test_try_again_when_a_write_meets_a_transaction():
    error = refused("TransactionConflictException")
    registry = DynamoDbRegistry(FailingClient(error), "registry", SetClock())
    with pytest.raises(UnavailableError):
        registry.add_version(a_version())
