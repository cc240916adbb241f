from __future__ import annotations

import pytest
from fakes.dynamodb_server import dynamodb_server, lean
from fakes.moto_aws import moto_table
from servery.adapters.lean_dynamodb import NotMetError
from servery.errors import FaultError, ThrottledError, UnavailableError

KEY = {"pk": {"S": "a"}}
PUT = {"TableName": "limits", "Item": {**KEY, "n": {"N": "1"}}}
ONCE = {
    **PUT,
    "ConditionExpression": "attribute_not_exists(pk)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


@pytest.fixture
def server(monkeypatch):
    with (
        moto_table(monkeypatch, "LimitsTable", "limits") as client,
        dynamodb_server(client) as told,
    ):
        yield told


def test_what_was_written_is_read_when_it_is_asked_for(server):
    api = lean(server)
    api.call("PutItem", PUT, seconds=5)

    assert api.call("GetItem", {"TableName": "limits", "Key": KEY}, seconds=5) == {
        "Item": PUT["Item"]
    }


def test_item_is_told_when_a_condition_is_not_met(server):
    api = lean(server)
    api.call("PutItem", ONCE, seconds=5)

    with pytest.raises(NotMetError) as error:
        api.call("PutItem", ONCE, seconds=5)

    assert error.value.item == PUT["Item"]


def test_request_is_sent_again_when_the_connection_broke(server):
    server.drops = 1

    lean(server).call("PutItem", PUT, seconds=5)

    assert server.operations == ["PutItem", "PutItem"]


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "ProvisionedThroughputExceededException", ThrottledError),
        (500, "InternalServerError", UnavailableError),
        (503, "", UnavailableError),
        (400, "AccessDeniedException", FaultError),
        (400, "ResourceNotFoundException", FaultError),
        (0, "", UnavailableError),
    ],
)
def test_error_says_whose_turn_it_is_when_dynamodb_refuses(server, status, kind, error):
    server.status, server.kind = status, kind

    with pytest.raises(error):
        lean(server).call("PutItem", PUT, seconds=5)


def test_it_is_unavailable_when_it_is_slow(server):
    server.slow = 1

    with pytest.raises(UnavailableError):
        lean(server).call("PutItem", PUT, seconds=0.05)


def test_it_is_unavailable_when_nobody_is_there(server):
    api = lean(server)
    server.address = "http://127.0.0.1:1"

    with pytest.raises(UnavailableError):
        lean(server).call("PutItem", PUT, seconds=0.2)
    api.call("PutItem", PUT, seconds=5)
