"""Entities where DynamoDB does only a part of what it was asked, or nothing."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import ANY, Stubber
from fakes.clock import EPOCH, SetClock
from servery.adapters.dynamodb_entities import MOST_BYTES, DynamoDbEntities
from servery.errors import FaultError, ThrottledError, TooLargeError, UnavailableError


def item(key, doc="{}"):
    return {"pk": {"S": f"entity#customer#{key}"}, "doc": {"S": doc}}


def key(name):
    return {"pk": {"S": f"entity#customer#{name}"}}


@pytest.fixture
def client():
    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.fixture
def stub(client):
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def store(client):
    return DynamoDbEntities(client, "features", SetClock())


def test_rest_is_read_when_dynamodb_read_a_part(stub, store):
    left = {"features": {"Keys": [key("b")], "ConsistentRead": True}}
    stub.add_response(
        "batch_get_item", {"Responses": {"features": [item("a")]}, "UnprocessedKeys": left}
    )
    stub.add_response(
        "batch_get_item", {"Responses": {"features": [item("b")]}}, {"RequestItems": left}
    )

    assert store.get_many("customer", ["a", "b"]) == {"a": {}, "b": {}}


def test_caller_is_told_to_try_again_when_nothing_was_read(stub, store):
    left = {"features": {"Keys": [key("a")], "ConsistentRead": True}}
    stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})

    with pytest.raises(ThrottledError):
        store.get_many("customer", ["a"])


def test_rest_is_written_when_dynamodb_wrote_a_part(stub, store):
    left = {"features": [{"PutRequest": {"Item": item("b")}}]}
    stub.add_response("batch_write_item", {"UnprocessedItems": left}, {"RequestItems": ANY})
    stub.add_response("batch_write_item", {}, {"RequestItems": left})

    store.put_many("customer", {"a": {}, "b": {}})


def test_caller_is_told_to_try_again_when_nothing_was_written(stub, store):
    left = {"features": [{"PutRequest": {"Item": item("a")}}]}
    stub.add_response("batch_write_item", {"UnprocessedItems": left})

    with pytest.raises(UnavailableError):
        store.put_many("customer", {"a": {}})


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ProvisionedThroughputExceededException", 400, ThrottledError),
        ("InternalServerError", 500, UnavailableError),
        ("AccessDeniedException", 400, FaultError),
    ],
)
def test_error_says_who_should_act_when_dynamodb_refuses(stub, store, code, status, error):
    stub.add_client_error("batch_get_item", code, http_status_code=status)

    with pytest.raises(error):
        store.get_many("customer", ["a"])


def test_time_is_kept_with_the_item_when_data_have_an_end(stub, store):
    expires = {"expires_at": {"N": str(int(EPOCH.timestamp()) + 60)}}
    stub.add_response("put_item", {}, {"TableName": "features", "Item": item("a") | expires})

    store.put("customer", "a", {}, seconds=60)


def test_nothing_is_written_when_an_entity_is_too_large(stub, store):
    for data in ({"text": "x" * MOST_BYTES}, {}):
        with pytest.raises(TooLargeError):
            store.put_many("customer", {"a": {}, "k" * (1 if data else 3000): data})
