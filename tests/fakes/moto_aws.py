"""An AWS account in this process, without the credentials of whoever runs the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from fakes.template import create_table
from moto import mock_aws


def moto_account(monkeypatch: pytest.MonkeyPatch, region: str = "") -> None:
    """Forget every variable of AWS, and set credentials that are good for nothing.

    Args:
        monkeypatch: Puts the variables back.
        region: Where clients are that do not say; empty for none.
    """
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    if region:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)


@contextmanager
def moto_table(monkeypatch: pytest.MonkeyPatch, logical_id: str, name: str) -> Iterator[Any]:
    """A client of DynamoDB with one table, as the template has it."""
    moto_account(monkeypatch)
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        create_table(client, logical_id, name)
        yield client
