"""DynamoDB on the loopback, in a process of its own (MiniStack), with tables of the template."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from fakes.template import create_table
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_dynamodb import LeanDynamoDb
from servery.adapters.sigv4 import Credentials
from servery.wiring.settings import SystemClock

REGION, KEY = "eu-central-1", "testing"
_UP_SECONDS = 30


@contextmanager
def emulated_dynamodb(tables: Mapping[str, str], *others: str) -> Iterator[str]:
    """The address of an emulated DynamoDB.

    Args:
        tables: Logical id to name of the tables that it has.
        others: Other services that are there too, such as `s3`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    services = ",".join(("dynamodb", *others))
    with tempfile.TemporaryDirectory() as folder:
        served = ["hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}"]
        quiet = ["--log-level", "ERROR", "--access-logfile", os.devnull]
        process = subprocess.Popen(
            [sys.executable, "-m", *served, *quiet],
            cwd=folder,
            env={**os.environ, "GATEWAY_PORT": str(port), "SERVICES": services},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            for logical_id, name in tables.items():
                create_table(client_of(address), logical_id, name)
            yield address
        finally:
            process.terminate()
            process.wait()


def client_of(address: str) -> Any:
    """A client of boto3."""
    return boto3.client(
        "dynamodb",
        endpoint_url=address,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
    )


def lean_api(address: str, *, connections: int = 4) -> LeanDynamoDb:
    """What front functions call it by."""
    return LeanDynamoDb(
        connections=KeptConnections(address, most=connections),
        region=REGION,
        credentials=lambda: Credentials(KEY, KEY),
        clock=SystemClock(),
    )


def _wait(port: int) -> None:
    until = time.monotonic() + _UP_SECONDS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the emulated DynamoDB does not come up")
