"""A model server as two copies of one snapshot, under the real runtime of Lambda.

What Lambda does with a snapshot is done here by a fork: both copies go on from the same memory,
at the place where the runtime was told that it has been restored.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.lambda_platform import LambdaPlatform
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, gives, objects, serving
from fakes.tiny_models import MemoryArtifacts, add_model
from servery.domain.manifest import ModelRef

ROOT = Path(__file__).parents[2]
COPIES, MOST_CALLS = 2, 50
BODY = json.dumps({"records": [{"width": 0.5, "kind": "a", "height": -1}]})
COPIED = """
import os, random, sys
import awslambdaric.__main__
import snapshot_restore_py
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

restore_next = LambdaRuntimeClient.restore_next

def copied(client):
    restore_next(client)
    if "unhooked" in sys.argv:
        snapshot_restore_py.get_after_restore().clear()
    drawn = random.getstate()
    os.fork()
    random.setstate(drawn)  # at a fork Python draws anew by itself, in a snapshot it does not

LambdaRuntimeClient.restore_next = copied
awslambdaric.__main__.main(["awslambdaric", "asked.handler"])
"""
ASKED = """
import os, random, sys, uuid
import numpy.random
import predict
from servery.wiring.models import s3

if "unhooked" in sys.argv:  # then the copies have this connection in common
    import snapshot_restore_py
    snapshot_restore_py.get_before_snapshot().clear()
READ = s3().get("artifacts", "known").content

def handler(event, context):
    drawn = [random.random(), float(numpy.random.random()), str(uuid.uuid4())]
    told = predict.handler(event, context)
    return {"pid": os.getpid(), "drawn": drawn, "status": told["status"], "read": READ.decode()}
"""


@dataclass
class World:
    """What the copies see of the world, and what it sees of them.

    Attributes:
        platform: Lambda.
        output: Where they write to.
        one: A model whose files are there.
        calls: How many events there were.
        ports: From where S3 was asked, in turn.
        asked: Paths of the requests for credentials.
    """

    platform: LambdaPlatform
    output: Path
    one: ModelRef
    calls: int = 0
    ports: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def first_answers(self) -> list[dict[str, Any]]:
        """What each of the two copies answers to the same event, the first time it is asked."""
        event = {
            "verb": "infer",
            "ref": msgspec.to_builtins(self.one),
            "request_id": "r",
            "body": BODY,
        }
        first: dict[int, dict[str, Any]] = {}
        while len(first) < COPIES and self.calls < MOST_CALLS:  # whoever is idle takes an event
            self.calls += 1
            answer = self.platform.invoke(f"aws-{self.calls}", event, 30)
            first.setdefault(answer["pid"], answer)
        return list(first.values())

    def lines(self) -> list[dict[str, Any]]:
        """The lines of metrics."""
        lines = self.output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"_aws"')]


def told(handler: BaseHTTPRequestHandler) -> None:
    """Credentials, as Lambda gives them to a function with a snapshot."""
    content = {
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": SECRET_KEY,
        "Token": TOKEN,
        "Expiration": "2126-03-01T12:00:00Z",
    }
    allowed = handler.headers["authorization"] == "shown"
    gives(200 if allowed else 403, json.dumps(content).encode())(handler)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    artifacts = MemoryArtifacts()
    one = add_model(artifacts, "1.0.0-1.1")
    stored = {f"artifacts/{name}": content for name, content in artifacts.files.items()}
    stored["artifacts/known"] = b"before"
    world = World(LambdaPlatform(), tmp_path / "output", one)

    def s3(handler: BaseHTTPRequestHandler) -> None:
        world.ports.append(handler.client_address[1])
        objects(stored)(handler)

    (tmp_path / "asked.py").write_text(ASKED)
    with serving(s3) as (s3_address, _), serving(told) as (address, world.asked):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(
                map(str, (tmp_path, ROOT / "functions/predictor", ROOT / "layers/core"))
            ),
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_LAMBDA_FUNCTION_NAME": "predictor",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_LAMBDA_RUNTIME_API": world.platform.address,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "shown",
            "AWS_ENDPOINT_URL_S3": s3_address,
            "AWS_REGION": REGION,
            "ARTIFACTS_BUCKET": "artifacts",
            "EXCHANGE_BUCKET": "exchange",
            "FEATURES_TABLE": "features",
            "SERVERY_MODE": "load",
            "SERVERY_MODEL": "shapes",
            "SERVERY_RUNTIME": "onnx",
        }
        with world.output.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-c", COPIED, request.param],
                cwd=tmp_path,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the copy ends with it
            )
        try:
            yield world
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            world.platform.close()


@pytest.mark.parametrize("world", ["hooked"], indirect=True)
def test_copies_have_nothing_in_common_when_they_are_restored(world: World) -> None:
    one, two = world.first_answers()

    assert [answer["status"] for answer in (one, two)] == [200, 200], world.output.read_text()
    assert one["read"] == two["read"] == "before"
    assert not set(one["drawn"]) & set(two["drawn"])
    before, *after = world.ports
    assert before not in after  # it was closed before the snapshot
    assert len(set(after)) >= COPIES
    assert len(world.asked) == 3


@pytest.mark.parametrize("world", ["unhooked"], indirect=True)
def test_copies_share_draws_and_connection_when_nothing_is_renewed(world: World) -> None:
    """What the hooks are for; were it not so, the other test would prove nothing."""
    one, two = world.first_answers()

    assert one["drawn"][:2] == two["drawn"][:2]
    assert one["drawn"][2] != two["drawn"][2]  # the operating system's
    before, *after = world.ports
    assert after.count(before) >= COPIES
    assert len(world.asked) == 1


@pytest.mark.parametrize("world", ["hooked"], indirect=True)
def test_each_copy_counts_as_restored_once_when_it_answers_first(world: World) -> None:
    world.first_answers()
    world.first_answers()

    lines = world.lines()
    assert len(lines) == world.calls >= 2 * COPIES
    restored = [line for line in lines if "Restored" in line]
    assert [line["Restored"] for line in restored] == [1, 1]
    assert [line for line in lines if line["ColdStart"]] == restored
    assert not [line for line in lines if "InitMilliseconds" in line]  # it was another's
    assert len([line for line in lines if "LoadMilliseconds" in line]) == 2
