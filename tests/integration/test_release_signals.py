"""What is said to releases, in an emulated table that is built from the template."""

from __future__ import annotations

import boto3
import pytest
from fakes.clock import EPOCH, SetClock
from fakes.moto_aws import moto_account
from fakes.template import create_table
from moto import mock_aws
from servery.adapters.dynamodb_release_signals import KEPT_SECONDS, DynamoDbReleaseSignals


@pytest.fixture
def client(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        made = boto3.client("dynamodb", region_name="eu-central-1")
        create_table(made, "RegistryTable", "registry")
        yield made


@pytest.fixture
def signals(client):
    return DynamoDbReleaseSignals(client, "registry", SetClock())


def test_nothing_is_heard_when_nothing_was_said(signals):
    assert signals.token("iris", "r1") == ""
    assert signals.abort_reason("iris", "r1") == ""


def test_last_token_counts_when_several_were_kept(signals):
    signals.keep_token("iris", "r1", "first")
    signals.keep_token("iris", "r1", "second")
    assert signals.token("iris", "r1") == "second"


def test_first_reason_stays_when_a_release_is_asked_twice_to_stop(signals):
    signals.ask_abort("iris", "r1", "wrong data")
    signals.ask_abort("iris", "r1", "something else")
    assert signals.abort_reason("iris", "r1") == "wrong data"


def test_others_hear_nothing_when_one_release_is_told(signals):
    signals.keep_token("iris", "r1", "token")
    signals.ask_abort("iris", "r1", "wrong data")
    for model, release in (("iris", "r2"), ("wine", "r1")):
        assert signals.token(model, release) == ""
        assert signals.abort_reason(model, release) == ""


def test_signals_go_by_themselves_when_no_approval_can_be_waited_for_any_more(client, signals):
    signals.keep_token("iris", "r1", "token")
    signals.ask_abort("iris", "r1", "wrong data")
    items = client.scan(TableName="registry")["Items"]
    until = str(int(EPOCH.timestamp()) + KEPT_SECONDS)
    assert [item["expires_at"]["N"] for item in items] == [until, until]
    assert {item["pk"]["S"] for item in items} == {"MODEL#iris"}
