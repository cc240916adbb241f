"""The page's function as a process under `chalice local`, with an AWS on loopback behind it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import msgspec
from fakes.aws_stub import AwsStub
from fakes.clock import SetClock
from fakes.flower_model import store_flowers
from fakes.records import a_server
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.domain.deployment import Deployment, Served, crown
from servery.domain.manifest import ModelRef

REGION = "eu-central-1"
FUNCTION = ROOT / "functions" / "web_single"
SECONDS = 30.0


class FolderStore:
    """Objects as files, and S3's GET on them: the bucket is the first part of the path."""

    def __init__(self, folder: Path, bucket: str = "artifacts") -> None:
        self._folder = folder / bucket
        handler = partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, key: str, content: bytes) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def get(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass


class Cloud:
    """A registry with deployments, a bucket with artifacts, a stream for the prediction log."""

    def __init__(self, folder: Path) -> None:
        self.objects = FolderStore(folder)
        self.stub = AwsStub()
        self._current: Deployment | None = None

    @property
    def deployment(self) -> Deployment:
        assert self._current is not None, "nothing is released"
        return self._current

    def release(self, version: str, **artifact: Any) -> ModelRef:
        """Make a version of the flower model the champion."""
        ref = store_flowers(self.objects, version, **artifact)
        served = Served(ref=ref, server=a_server())
        self._current = crown(self._current, served, now=0.0, reason="test")
        self.stub.items = items_of(self._current)
        return ref

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.objects.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.stub.url,
            "AWS_ENDPOINT_URL_FIREHOSE": self.stub.url,
            "POWERTOOLS_SERVICE_NAME": "web_single",
            "WEB_MODEL": "iris",
            "REGISTRY_TABLE": "registry",
            "ARTIFACTS_BUCKET": "artifacts",
            "PREDICTION_LOG_STREAM": "predictions",
        }

    def close(self) -> None:
        self.objects.close()
        self.stub.close()


def items_of(deployment: Deployment) -> list[dict[str, Any]]:
    """What the registry's table holds, as the registry itself writes it."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        create_table(client, "RegistryTable", "registry")
        record = msgspec.structs.replace(deployment, revision=1)  # what an empty table takes
        DynamoDbRegistry(client, "registry", SetClock()).put_deployment(record)
        items: list[dict[str, Any]] = client.scan(TableName="registry")["Items"]
        return items


class PageServer:
    """`chalice local` on a free port of 127.0.0.1.

    Args:
        cloud: What it lives on.
        home: A folder that is its home.
        settings: Further settings of the function.
        path: Further folders on Python's path.
    """

    def __init__(self, cloud: Cloud, home: Path, *path: Path, **settings: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = home / f"chalice-{self.port}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "layers/core", *path))),
            **cloud.environment(),
            **settings,
        }
        start = "from chalice.cli import main; main()"
        options = ["local", "--port", str(self.port), "--no-autoreload"]
        with self._output.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-c", start, *options],
                cwd=FUNCTION,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self._await()

    @property
    def output(self) -> str:
        return self._output.read_text()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _await(self) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, self.output
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.close()
        raise AssertionError(f"chalice local did not come up: {self.output}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
