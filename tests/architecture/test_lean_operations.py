"""Clients without boto3 know what the adapters ask, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import boto3
import pytest
import servery.adapters
from servery.adapters.lean_json import DYNAMODB, EVENTS, FIREHOSE, SQS, STEP_FUNCTIONS

ADAPTERS = Path(servery.adapters.__file__).parent
OF_BOTO3 = {"ssm_secret.py", "powertools_breaker.py"}  # who get boto3's client in any case
SERVICES = {
    "dynamodb": DYNAMODB,
    "events": EVENTS,
    "firehose": FIREHOSE,
    "sqs": SQS,
    "stepfunctions": STEP_FUNCTIONS,
}


def _asked(service: str) -> tuple[set[str], set[str]]:
    """The operations and the pages that adapters ask of a service."""
    client = boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    known = set(client.meta.method_to_api_mapping)
    calls: set[str] = set()
    pages: set[str] = set()
    for path in ADAPTERS.glob("*.py"):
        source = path.read_text()
        if f"from mypy_boto3_{service} import" in source and path.name not in OF_BOTO3:
            calls |= known & {*re.findall(r"client(?:\(\))?\.(\w+)\(", source)}
            pages |= {*re.findall(r'get_paginator\("(\w+)"\)', source)}
    return calls, pages


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_known_when_an_adapter_asks_it(service):
    calls, pages = _asked(service)

    assert calls | pages == SERVICES[service].operations
    assert pages == {*SERVICES[service].pages}


@pytest.mark.parametrize("service", SERVICES)
def test_protocol_is_the_one_that_botocore_speaks(service):
    client = boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    model, known = client.meta.service_model, SERVICES[service]

    assert (model.protocol, model.metadata["targetPrefix"]) == ("json", known.target)
    assert (model.metadata["jsonVersion"], model.signing_name) == (known.version, known.name)
    tokens = {
        (name, token)
        for name, api in client.meta.method_to_api_mapping.items()
        if name in known.operations
        for token in model.operation_model(api).idempotent_members
    }
    assert tokens == ({known.token} if known.token[0] else set())
    for name, (told, asks, size, entries) in known.pages.items():
        paginator = client.get_paginator(name)._pagination_cfg
        assert (paginator["output_token"], paginator["input_token"]) == (told, asks)
        assert paginator["limit_key"] == size
        assert entries in paginator["result_key"]
