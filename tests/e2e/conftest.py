"""One deployed stack for the whole tier, reached through its public surfaces only.

The tier starts a local cloud of its own on a free port, in parallel to whatever runs already:
the one that `SERVERY_CLOUD` names, MiniStack without it. With `SERVERY_ENDPOINT` it deploys a
stack of its own to the LocalStack there, and deletes it in the end.
`SERVERY_E2E_INSTANCE=NAME` takes a stack that is up (`servery up --instance NAME`) and leaves
it up, which is quicker while working on the tests, and the only way on AWS.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
import yaml
from listening import listening
from targets.report import memory_mb

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "infra" / "examples"
HEALTH = ("/_localstack/health", "/_ministack/health")
KEPT_SECONDS = 2.2  # a gateway may know a deployment for two seconds
TABLE_SECONDS = 40.0  # a table that answers late is gone without for five, and again
SERVERY = Path(sys.executable).with_name("servery")


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Poll until the condition gives something true; fail with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not so within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


@dataclass(frozen=True)
class Stack:
    """What `servery status --json` says, with a client for each public surface."""

    instance: str
    status: dict[str, Any]
    http: httpx.Client

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line against this stack."""
        done = subprocess.run(
            [str(SERVERY), *arguments],
            env={**os.environ, "SERVERY_INSTANCE": self.instance},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=ROOT,
        )
        if check and done.returncode != 0:
            pytest.fail(f"servery {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        """Run a command with --json and read its answer."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def client(self, service: str) -> Any:
        """A boto3 client on the cloud of the stack, with the credentials of its owner."""
        if self.status["endpoint_url"] is None:
            return boto3.client(service, region_name=self.status["region"])
        return boto3.client(
            service,
            region_name=self.status["region"],
            endpoint_url=self.status["endpoint_url"],
            aws_access_key_id=self.status.get("access_key_id", "test"),
            aws_secret_access_key=self.status.get("secret_access_key", "test"),
        )

    def listed(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All entries of a list route, page after page; its last part names their field."""
        field, entries = path.rsplit("/", 1)[-1], []
        while True:
            page = self.http.get(path, params=query).raise_for_status().json()
            entries += page[field]
            if not page.get("next"):
                return entries
            query["before"] = page["next"]

    def infer(self, model: str, body: Any, version: str | None = None, **more: Any) -> Any:
        """POST a body to the model's infer route."""
        part = f"/versions/{version}" if version else ""
        return self.http.post(f"/v2/models/{model}{part}/infer", json=body, **more)

    def release(self, model: str, **request: Any) -> dict[str, Any]:
        """Release over HTTP and wait for the end of it."""
        started = self.http.post(f"/models/{model}/releases", json=request)
        assert started.status_code == 202, started.text
        return self.finished(started)

    def finished(self, started: httpx.Response) -> dict[str, Any]:
        """Wait until the release that was accepted by `started` is over."""
        location = started.url.join(started.headers["location"])

        def ended() -> dict[str, Any] | None:
            record = self.http.get(location).raise_for_status().json()
            return record if record["state"] != "running" else None

        return wait_until(ended, seconds=120, what=f"release {location} ends")

    def spec(self, example: str, *, name: str) -> dict[str, Any]:
        """An example's spec under another name, its data by absolute path."""
        spec: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
        spec["name"] = name
        spec["data"]["uri"] = str(EXAMPLES / spec["data"]["uri"])
        return spec

    def train(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Train a spec by the command line; whatever came of it."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(spec, file)
            file.flush()
            done = self.run("train", file.name, "--json", check=False)
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout))

    def train_raw(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Start the state machine itself, past the checks of the command line."""
        states = self.client("stepfunctions")
        name = f"{spec['name']}-{uuid.uuid4().hex[:12]}"
        body = Path(spec["data"]["uri"]).read_bytes()
        key = f"raw/{spec['name']}/{hashlib.sha256(body).hexdigest()}/data.csv"
        bucket = next(b for k, b in self.status["buckets"].items() if "rtifact" in k)
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        spec = {**spec, "data": {**spec["data"], "uri": f"s3://{bucket}/{key}"}}
        machine = self.status["outputs"]["BatchTrainingStateMachineArn"]
        event = {"training_id": name, "origin": "test", "spec": spec}
        started = states.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(event)
        )

        def over() -> Any:
            found = states.describe_execution(executionArn=started["executionArn"])
            return found if found["status"] != "RUNNING" else None

        ended = wait_until(over, seconds=120, what=f"training {name} ends")
        return dict(json.loads(ended["output"]))

    def processes_of(self, *functions: str, **variables: str) -> list[int]:
        """The processes of this machine that run one of these functions, for this stack alone.

        Args:
            functions: Logical ids.
            variables: What their environment has besides.
        """
        names = {self.status["functions"][function] for function in functions}
        port = f":{urlsplit(self.status['endpoint_url']).port}"
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                lines = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue  # it has ended, or is somebody else's
            named = {name: value for name, _, value in (line.partition("=") for line in lines)}
            # Two stacks on one machine have functions of the same names.
            ours = named.get("AWS_ENDPOINT_URL", "").rstrip("/").endswith(port)
            function = named.get("AWS_LAMBDA_FUNCTION_NAME", "").rpartition(":")[2]
            if ours and function in names and variables.items() <= named.items():
                found.append(int(folder.name))
        return found

    def servers_of(self, model: str) -> list[int]:
        """The processes of this machine that run a model's server for this stack."""
        return self.processes_of("PredictorFunction", "PreprocessorFunction", SERVERY_MODEL=model)

    def crash(self, model: str) -> None:
        """End the processes of a model's server, so that the next request starts another one."""
        for process in self.servers_of(model):
            with suppress(ProcessLookupError):  # the cloud has ended it meanwhile
                os.kill(process, signal.SIGKILL)
            self.infer(model, {"records": []})  # whoever is first meets the dead process

    @contextmanager
    def unloadable(self, model: str) -> Iterator[None]:
        """Nobody can load the model: its file is away, and no process has it in memory."""
        s3, bucket = self.client("s3"), self.status["outputs"]["ArtifactsBucketName"]
        prefix = self.deployment(model)["champion"]["ref"]["prefix"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/model.")
        (key,) = [entry["Key"] for entry in listed["Contents"]]
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.delete_object(Bucket=bucket, Key=key)
        self.crash(model)
        try:
            yield
        finally:
            s3.put_object(Bucket=bucket, Key=key, Body=content)
            self.crash(model)  # a server that failed to load it waits for up to a minute

    @contextmanager
    def frozen(self, model: str) -> Iterator[None]:
        """Whoever asks the model gets no answer, as from a server that is far too slow."""
        processes = self.servers_of(model)
        assert processes, f"no server of {model} is warm"
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):  # the cloud has given it up meanwhile
                    os.kill(process, signal.SIGCONT)

    def ask(self, graph: str, *records: dict[str, Any], **more: Any) -> httpx.Response:
        """POST rows to the graph's infer route."""
        return self.http.post(f"/v2/graphs/{graph}/infer", json={"records": records}, **more)

    def deployment(self, model: str) -> dict[str, Any]:
        """Who answers for a model now."""
        answer = self.http.get(f"/models/{model}/deployment").raise_for_status().json()
        return answer.get("current", answer)

    def edit(self, model: str, policies: dict[str, Any], **more: Any) -> httpx.Response:
        """Ask for other policies of a model, on top of the revision that is there now."""
        change = {"revision": self.deployment(model)["revision"], "policies": policies, **more}
        return self.http.post(f"/models/{model}/deployment", json=change)


def measured(instance: str, endpoint: str | None) -> dict[str, Any]:
    """Release and memory of a local cloud, as far as it is ours and tells."""
    found: dict[str, Any] = {}
    record = ROOT / ".servery" / instance / "cloud.json"
    if record.exists():
        found["memory_mb"] = memory_mb(json.loads(record.read_text())["pid"])
    for path in HEALTH if endpoint else ():
        answer = httpx.get(f"{endpoint}{path}", timeout=30)
        if answer.is_success and "version" in answer.json():
            found["version"] = answer.json()["version"]
    return found


@pytest.fixture(scope="session")
def stack(figures: dict[str, Any]) -> Iterator[Stack]:
    """The deployed stack; taken down at the end unless it was there before."""
    given = os.environ.get("SERVERY_E2E_INSTANCE")
    instance = given or f"e2e-{os.getpid()}"
    environment = {**os.environ, "SERVERY_INSTANCE": instance}
    where = ["--cloud", os.environ.get("SERVERY_CLOUD") or "ministack"]
    if endpoint := os.environ.get("SERVERY_ENDPOINT"):
        where += ["--endpoint", endpoint, "--stack", instance]
    if "aws" in where and not given:
        pytest.exit("On AWS name a stack that is up: SERVERY_E2E_INSTANCE=NAME", 1)

    def servery(*arguments: str) -> str:
        done = subprocess.run(
            [str(SERVERY), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
            cwd=ROOT,
        )
        if done.returncode != 0:
            pytest.exit(f"servery {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}", 1)
        return done.stdout

    try:
        began = time.monotonic()
        servery("up", *where, "--json")
        figures["up_seconds"] = round(time.monotonic() - began)
        status = json.loads(servery("status", "--json"))
        headers = {"x-api-key": status["api_key"]}
        with httpx.Client(base_url=status["api_url"], headers=headers, timeout=60) as http:
            yield Stack(instance=instance, status=status, http=http)
        figures.update(measured(instance, status["endpoint_url"]))
    finally:
        if not given:
            servery("down")


@pytest.fixture
def events(stack: Stack) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """The events so far of a job or a batch, by its id."""
    with listening(stack.client("events"), stack.client("sqs")) as told:
        yield told


@pytest.fixture(scope="session")
def api_url(stack: Stack) -> str:
    """Base URL of the gateway's API."""
    return str(stack.status["api_url"])


@pytest.fixture(scope="session")
def web_url(stack: Stack) -> str:
    """URL of the page."""
    return str(stack.status["web_url"])


@pytest.fixture(scope="session")
def api_key(stack: Stack) -> str:
    """The key of the API."""
    return str(stack.status["api_key"])


def _trained(stack: Stack, name: str) -> dict[str, Any]:
    found = stack.json("train", str(EXAMPLES / f"{name}.yaml"))
    assert found["outcome"] == "registered", found
    return dict(found)


@pytest.fixture(scope="session")
def iris(stack: Stack) -> dict[str, Any]:
    """Iris, trained and released in load mode: classification by onnxruntime."""
    trained = _trained(stack, "iris")
    released = stack.release("iris", version=trained["version"], mode="load")
    assert released["state"] == "succeeded", released
    return {**trained, "released_as": released["released_as"]}


@pytest.fixture(scope="module")
def warm_iris(stack: Stack, iris: dict[str, Any]) -> None:
    """The model has a process: a cloud ends one that nobody asked for some minutes."""
    wait_until(
        lambda: stack.infer("iris", {"records": [{}]}).status_code == 422,
        seconds=60,
        what="iris answers",
    )


@pytest.fixture(scope="session")
def diabetes(stack: Stack) -> dict[str, Any]:
    """Diabetes, trained and released in image mode: regression."""
    trained = _trained(stack, "diabetes")
    released = stack.release("diabetes", version=trained["version"], mode="image")
    assert released["state"] == "succeeded", released
    return {**trained, "released_as": released["released_as"]}


@pytest.fixture(scope="session")
def released(stack: Stack) -> Callable[[str], str]:
    """Trains and releases an example, once; the version that answers then."""

    @cache
    def release(example: str) -> str:
        trained = _trained(stack, example)
        record = stack.release(example, version=trained["version"])
        assert record["state"] == "succeeded", record
        return str(record["released_as"])

    return release


@pytest.fixture
def register(stack: Stack) -> Iterator[Callable[..., str]]:
    """Registers a graph under a name of its own, and takes it out again."""
    names = []

    def do(*steps: dict[str, Any], deadline_ms: int = 20_000, **more: Any) -> str:
        name = f"e2e-{uuid.uuid4().hex[:8]}"
        spec = {"name": name, "owner": "e2e", "steps": steps, "deadline_ms": deadline_ms, **more}
        made = stack.http.post("/graphs", json=spec)
        assert made.status_code == 201, made.text
        names.append(name)
        return name

    yield do
    for name in names:
        stack.http.delete(f"/graphs/{name}")


@pytest.fixture
def policies(stack: Stack) -> Iterator[Callable[..., dict[str, Any]]]:
    """Puts policies in force, everywhere; those of before are there again after the test."""
    before: dict[str, dict[str, Any]] = {}

    def put(model: str, **parts: Any) -> dict[str, Any]:
        before.setdefault(model, stack.deployment(model)["policies"])
        return in_force(stack, model, parts)

    yield put
    for model, kept in before.items():
        in_force(stack, model, kept)


def in_force(stack: Stack, model: str, policies: dict[str, Any]) -> dict[str, Any]:
    """Change policies, and wait until no gateway knows those of before; the deployment then."""
    changed = stack.edit(model, policies, give_up_online=True)
    assert changed.status_code == 200, changed.text
    time.sleep(KEPT_SECONDS)
    return dict(changed.json())


@pytest.fixture(scope="module")
def renamed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model by name, and what makes it answer other classes from then on."""
    name = f"garbage-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris-versicolor", name=name)
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(name)["state"] == "succeeded"
    changed = {**spec, "data": {**spec["data"]}}
    data = tmp_path_factory.mktemp("data") / "renamed.csv"
    words = {"yes": "sure", "no": "never"}
    rename_classes(EXAMPLES / "data" / "iris_rest.csv", data, "versicolor", words)
    changed["data"]["uri"] = str(data)
    changed["data"]["columns"] = [
        {**c, "categories": ["never", "sure"]} if c["name"] == "versicolor" else c
        for c in spec["data"]["columns"]
    ]

    def rename() -> None:
        assert stack.train(changed)["outcome"] == "registered"
        assert stack.release(name)["state"] == "succeeded"

    return name, rename


def rename_classes(source: Path, target: Path, column: str, words: dict[str, str]) -> None:
    """The same data, in which the classes of a column have other names."""
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, column: words[row[column]]} for row in rows)
