"""A LocalStack of the tests' own, in its own environment, with the small application deployed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from running_localstack import ACCESS, Application, LocalStack, eventually, memory
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "infra" / "localstack"
START_S, DEPLOY_S = 120, 300
FIGURES: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def environment() -> Path:
    """The interpreter of the environment that is made from the lock, the same as for `up`."""
    folder = ROOT / ".venv-localstack"
    command = ["sh", PACKAGE / "environment.sh", folder]
    subprocess.run(command, check=True, timeout=600, env={**os.environ, "UV": find_uv_bin()})
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def cloud(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("localstack")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = LocalStack(f"http://127.0.0.1:{port}", folder / "log.txt")
    command = [environment, "-m", "localstack_process", "--port", str(port)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables["CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES"] = "0"
    began = time.monotonic()
    with running.log.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data", folder / "data"], stdout=log, stderr=log, env=variables
        )
    try:
        if not eventually(lambda: process.poll() is not None or running.healthy(), START_S):
            pytest.fail(f"LocalStack does not start:\n{running.log.read_text()}")
        assert process.poll() is None, running.log.read_text()
        FIGURES.append(
            f"LocalStack: up after {time.monotonic() - began:.1f} s, {memory(process.pid)}"
        )
        yield running
        FIGURES.append(f"LocalStack: at the end {memory(process.pid)}")
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def other_runtime() -> str | None:
    """A runtime of Python other than the tests' own that this machine can run."""
    sys.path.insert(0, str(PACKAGE))
    from localstack_process.interpreters import executable_of, places  # noqa: PLC0415

    for version in ("3.12", "3.11"):
        if any(executable_of(place, version) for place in places(version)):
            return f"python{version}"
    return None


@pytest.fixture(scope="session")
def application(cloud: LocalStack, other_runtime: str | None) -> Application:
    """The application, deployed by the real `sam deploy`."""
    cloud.client("s3").create_bucket(
        Bucket="deployments",
        CreateBucketConfiguration={"LocationConstraint": ACCESS["AWS_DEFAULT_REGION"]},
    )
    command = [Path(sys.executable).parent / "sam", "deploy"]
    options = {
        "--template-file": Path(__file__).parent / "app" / "template.yaml",
        "--stack-name": "behaviour",
        "--s3-bucket": "deployments",
        "--region": ACCESS["AWS_DEFAULT_REGION"],
        "--capabilities": "CAPABILITY_IAM",
        "--parameter-overrides": f"OtherRuntime={other_runtime or 'python3.13'}",
    }
    began = time.monotonic()
    done = subprocess.run(
        [*command, *(word for pair in options.items() for word in pair), "--no-progressbar"],
        env={**os.environ, **ACCESS, "AWS_ENDPOINT_URL": cloud.url, "SAM_CLI_TELEMETRY": "0"},
        capture_output=True, text=True, timeout=DEPLOY_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{cloud.log.read_text()[-4000:]}"
    FIGURES.append(f"LocalStack: deployed after {time.monotonic() - began:.1f} s")
    stack = cloud.client("cloudformation").describe_stacks(StackName="behaviour")["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    return Application(cloud, outputs)
