"""Writes that got through although their answer was lost, and that the SDK sends once more."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.moto_aws import moto_table
from fakes.records import a_deployment
from msgspec.structs import replace
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.errors import ConflictError


@pytest.fixture
def client(monkeypatch):
    with moto_table(monkeypatch, "RegistryTable", "registry") as made:
        yield made


def lose_first_answer(client, operation):
    """What the SDK does when the answer to the first try of each call comes too late."""

    def again(attempts, **_):
        return 0 if attempts == 1 else None

    client.meta.events.register_first(f"needs-retry.dynamodb.{operation}", again)


def test_write_has_succeeded_when_only_its_answer_was_lost(client):
    registry = DynamoDbRegistry(client, "registry", SetClock())
    lose_first_answer(client, "TransactWriteItems")
    first = a_deployment()
    registry.put_deployment(first)
    registry.put_deployment(replace(first, revision=first.revision + 1))
    assert registry.deployment(first.model).revision == first.revision + 1


def test_conflict_stays_one_when_the_answer_to_it_was_lost(client):
    registry = DynamoDbRegistry(client, "registry", SetClock())
    stored = a_deployment()
    registry.put_deployment(stored)
    lose_first_answer(client, "TransactWriteItems")
    other = replace(stored, reason="another one")
    with pytest.raises(ConflictError):
        registry.put_deployment(other)
    assert registry.deployment(stored.model) == stored


def test_same_record_is_refused_when_no_answer_was_lost(client):
    registry = DynamoDbRegistry(client, "registry", SetClock())
    registry.put_deployment(a_deployment())
    with pytest.raises(ConflictError):
        registry.put_deployment(a_deployment())
