"""A LocalStack that runs, the application on it, and how the tests talk to them."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
ACCESS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # LocalStack takes any
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@dataclass(frozen=True)
class LocalStack:
    """A running LocalStack: where it answers, and where it logs."""

    url: str
    log: Path

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=ACCESS["AWS_DEFAULT_REGION"],
            aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=2):  # noqa: S310
                return True
        except OSError:
            return False


@dataclass(frozen=True)
class Answer:
    """What an invocation returned."""

    payload: Any
    error: str | None
    log: str


@dataclass(frozen=True)
class Application:
    """The deployed application."""

    cloud: LocalStack
    names: dict[str, str]

    def invoke(self, function: str, event: object, qualifier: str = "$LATEST") -> Answer:
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.names[function],
            Qualifier=qualifier,
            Payload=json.dumps(event),
            LogType="Tail",
        )
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return Answer(json.loads(answer["Payload"].read()), answer.get("FunctionError"), log)

    def group(self, function: str) -> str:
        return f"/aws/lambda/{self.names[function]}"


def eventually(ask: Callable[[], T], seconds: float = 20) -> T:
    """Ask until the answer is true, and return it."""
    until = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.1)
    return answer


def memory(pid: int) -> str:
    """How much of the machine's memory a process holds."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "memory unknown"
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return f"{int(fields['VmRSS'].split()[0]) / 1024:.0f} MB"
