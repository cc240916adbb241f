"""Deployment records without an SDK: what the registry wrote is what is read."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.dynamodb_server import dynamodb_server, lean
from fakes.moto_aws import moto_table
from fakes.records import a_deployment
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.adapters.lean_deployments import LeanDeployments
from servery.errors import FaultError, NotFoundError, ThrottledError, UnavailableError


@pytest.fixture
def server(monkeypatch):
    with (
        moto_table(monkeypatch, "RegistryTable", "registry") as client,
        dynamodb_server(client) as told,
    ):
        DynamoDbRegistry(client, "registry", SetClock()).put_deployment(a_deployment())
        yield told


@pytest.fixture
def records(server):
    return LeanDeployments(lean(server), "registry")


def test_record_is_the_one_that_the_registry_wrote_when_it_is_read(records):
    assert records.deployment("iris") == a_deployment()


def test_not_found_when_nothing_of_that_model_is_released(records):
    with pytest.raises(NotFoundError):
        records.deployment("wine")


@pytest.mark.parametrize(
    ("status", "kind", "error", "asked"),
    [
        (400, "ProvisionedThroughputExceededException", ThrottledError, 2),
        (500, "InternalServerError", UnavailableError, 2),
        (400, "AccessDeniedException", FaultError, 1),
    ],
)
def test_table_is_asked_twice_when_it_may_answer_the_next_time(
    server, records, status, kind, error, asked
):
    server.status, server.kind = status, kind

    with pytest.raises(error, match="reading the registry"):
        records.deployment("iris")

    assert server.operations == ["GetItem"] * asked


def test_record_is_read_when_only_the_first_try_fails(server, records):
    server.drops = 2  # the try, and its repetition over a new connection

    assert records.deployment("iris") == a_deployment()
    assert len(server.operations) == 3
