"""The functions, queues and state machines of the template, run as AWS would, counted.

Each function is a process with the real `awslambdaric`, its settings those of the template; each
state machine is the real one, run by the interpreter of the tests. What they ask of AWS goes to
`counting_cloud`. Queues are emptied when `drain` is called; nothing is polled while idle.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from fakes.execution import Execution, StateError
from fakes.template import ROOT, create_table, template

from benchmarks.counting_cloud import REGION, CountingCloud, Counts, account
from benchmarks.one_function import OneFunction, Subject
from benchmarks.prices import billed_seconds
from benchmarks.runtime_api import FunctionFailedError
from benchmarks.stack_settings import Settings, functions_of

SETTLED_LAST = "GraphSettleQueue"  # what reminds of the end of something comes after it
MOST_MESSAGES = 10  # of one ReceiveMessage
PLATFORM_LOG = 340  # bytes of START, END and REPORT, which Lambda writes for each invocation
LOG_EVENT = 26  # bytes that CloudWatch adds to each


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of a function.

    Attributes:
        function: Its logical id.
        memory: In MB.
        processor: Seconds of a whole processor.
        billed: Seconds, with the waits for functions that it asked; those for AWS left out.
        started: Whether the process was started for it; then its start is in the seconds.
    """

    function: str
    memory: int
    processor: float
    billed: float
    started: bool
    began: float
    ended: float


@dataclass
class Taken:
    """What something took.

    Attributes:
        counts: Of AWS.
        invocations: Of functions.
        transitions: States entered, and executions that maps start.
        requests: Of API Gateway.
        logged: Bytes that CloudWatch Logs takes in.
    """

    counts: Counts = field(default_factory=Counts)
    invocations: list[Invocation] = field(default_factory=list)
    transitions: int = 0
    requests: int = 0
    logged: int = 0

    def by_function(self) -> Counter[str]:
        """How often each function was invoked."""
        return Counter(each.function for each in self.invocations)


class _Process:
    """A function's process, started when it is first asked."""

    def __init__(self, subject: Subject, log: Path) -> None:
        self._subject, self._log = subject, log
        self._running: OneFunction | None = None
        self.lock = threading.Lock()

    def ask(self, event: bytes) -> tuple[bytes, float, bool]:
        """The answer, seconds of the processor, and whether it was started for this."""
        if self._running is None:
            self._running = OneFunction(self._subject, self._log)
            answer, spent = self._running.first(event)
            return answer, spent.processor, True
        before = self._running.processor()
        answer = self._running.ask(event)
        return answer, self._running.processor() - before, False

    def logged(self) -> int:
        """Bytes written so far, as CloudWatch counts them."""
        if not self._log.exists():
            return 0
        content = self._log.read_bytes()
        return len(content) + LOG_EVENT * content.count(b"\n")

    def said(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.close()
            self._running = None


class WholeStack:
    """The stack, up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cloud = CountingCloud(self._invoked, self._started)
        self.settings = Settings(self.cloud.address)
        self.functions = functions_of()
        self._processes: dict[str, _Process] = {}
        self._making = threading.Lock()
        self._log: list[Invocation] = []
        self._waits: dict[str, list[Invocation]] = {}
        self._later: list[tuple[str, bytes]] = []
        self._executions: list[tuple[str, str]] = []
        self._transitions = 0
        self._requests = 0
        self.clients = {name: boto3.client(name, region_name=REGION, **_KEYS) for name in _SERVICES}
        self._states = {
            name: boto3.client(
                name,
                region_name=REGION,
                endpoint_url=self.cloud.address,
                aws_access_key_id="StateMachines",
                aws_secret_access_key="testing",
            )
            for name in ("dynamodb", "s3")
        }
        self._set_up()

    # What there is

    def _set_up(self) -> None:
        for logical_id, resource in template()["Resources"].items():
            kind = resource["Type"]
            if kind == "AWS::DynamoDB::Table":
                create_table(self.clients["dynamodb"], logical_id, logical_id)
            elif kind == "AWS::S3::Bucket":
                self._bucket(self.settings.bucket(logical_id))
            elif kind == "AWS::SQS::Queue":
                self.clients["sqs"].create_queue(QueueName=logical_id)
            elif kind == "AWS::SNS::Topic":
                self.clients["sns"].create_topic(Name=logical_id)
        self._subscriptions()
        self._model_servers()

    def _bucket(self, name: str) -> None:
        where = {"LocationConstraint": REGION}
        self.clients["s3"].create_bucket(Bucket=name, CreateBucketConfiguration=where)
        versioning = {"Status": "Enabled"}
        self.clients["s3"].put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)

    def _subscriptions(self) -> None:
        for resource in template()["Resources"].values():
            said = resource["Properties"] if resource["Type"] == "AWS::SNS::Subscription" else {}
            if said.get("Protocol") == "sqs":
                self.clients["sns"].subscribe(
                    TopicArn=self.settings.resolved(said["TopicArn"]),
                    Protocol="sqs",
                    Endpoint=self.settings.resolved(said["Endpoint"]),
                    Attributes={
                        "RawMessageDelivery": "true",
                        "FilterPolicy": json.dumps(said["FilterPolicy"]),
                    },
                )

    def _model_servers(self) -> None:
        """Lambda's records of the two functions that are published anew for each model."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = self.clients["iam"].create_role(RoleName="any", AssumeRolePolicyDocument=trust)
        for layer in self.settings.layers:
            self.clients["lambda"].publish_layer_version(
                LayerName=layer, Content={"ZipFile": _EMPTY_ZIP}
            )
        for name in ("PredictorFunction", "PreprocessorFunction"):
            self.clients["lambda"].create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=role["Role"]["Arn"],
                Handler=self.functions[name]["Handler"],
                Code={"ZipFile": _EMPTY_ZIP},
            )

    # What is asked of it

    def request(self, method: str, path: str, body: Any = None, **parameters: str) -> Any:
        """Ask the API; the answer's document.

        Args:
            method: Of HTTP.
            path: As the template has it, parameters in braces.
            body: Sent as JSON.
            parameters: Those of the path; `query` is the query string.
        """
        self._requests += 1
        function = self.settings.route(method, path)
        query = parameters.pop("query", "")
        event = api_event(method, path, body, parameters, query)
        answer = json.loads(self.invoke(function, event))
        assert answer["statusCode"] < 300, (path, answer)
        text = answer["body"]
        return json.loads(text) if text.startswith(("{", "[")) else text

    def invoke(self, function: str, event: Any, caller: str = "") -> bytes:
        """Invoke a function and wait for its answer."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        name, _, version = function.rpartition("function:")[2].partition(":")
        process, key = self._process(name, version), f"{name}-{version}"
        with process.lock:
            began = time.perf_counter()
            self._waits[key] = []
            answer, seconds, started = process.ask(payload)
            waited = _side_by_side(self._waits.pop(key))
            memory = self.settings.memory(name)
            # While it starts, a function has a whole processor.
            billed = (seconds if started else billed_seconds(seconds, memory)) + waited
            done = Invocation(name, memory, seconds, billed, started, began, time.perf_counter())
        self._log.append(done)
        if caller in self._waits:
            self._waits[caller].append(done)
        return answer

    def run(self, machine: str, event: Any) -> Execution:
        """Run a state machine to its end."""
        properties = template()["Resources"][machine]["Properties"]
        resources: dict[str, Any] = {
            f"${{{name}}}": _task(self, said["Fn::GetAtt"].partition(".")[0])
            for name, said in properties["DefinitionSubstitutions"].items()
            if isinstance(said, dict) and str(said.get("Fn::GetAtt", "")).endswith("Function.Arn")
        }
        resources |= {
            "arn:aws:states:::lambda:invoke": lambda given: _answer(
                self, given["FunctionName"], given["Payload"]
            ),
            "arn:aws:states:::s3:getObject": self._items,
            "arn:aws:states:::dynamodb:putItem": self._put,
        }
        execution = Execution.of(
            ROOT / properties["Definition"]["Fn::Transform"]["Parameters"]["Location"], resources
        )
        execution.arn = f"arn:aws:states:{REGION}:123456789012:execution:{machine}:{uuid.uuid4()}"
        execution.started = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        execution.run(event)
        self._transitions += transitions(execution)
        return execution

    def drain(self) -> list[Execution]:
        """Do what waits: invocations, executions, messages, until nothing does."""
        done: list[Execution] = []
        while True:
            if self._later:
                self.invoke(*self._later.pop(0))
            elif self._executions:
                machine, event = self._executions.pop(0)
                done.append(self.run(machine, json.loads(event)))
            elif not any(self._deliver(*source) for source in self.settings.sources):
                return done

    def _deliver(self, queue: str, function: str, most: int) -> bool:
        """Hand messages of a queue to a function; whether there were any."""
        sqs, url = self.clients["sqs"], self.settings.queue_url(queue)
        messages: list[Any] = []
        while len(messages) < most:
            found = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(MOST_MESSAGES, most - len(messages)),
                VisibilityTimeout=600,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not found:
                break
            messages += found
            self._polled("ReceiveMessage")
        if not messages:
            return False
        arn = self.settings.arn("sqs", queue)
        event = {"Records": [_record(message, arn) for message in messages]}
        answer = json.loads(self.invoke(function, event))
        assert not answer["batchItemFailures"], (queue, answer, self.said(function))
        for start in range(0, len(messages), MOST_MESSAGES):
            for message in messages[start : start + MOST_MESSAGES]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self._polled("DeleteMessageBatch")
        return True

    def _polled(self, operation: str) -> None:
        """Count what Lambda asks of a queue on behalf of a function."""
        self.cloud.counts.calls[f"sqs {operation}"] += 1
        self.cloud.counts.units["sqs requests"] += 1

    @contextmanager
    def taking(self) -> Iterator[Taken]:
        """What is taken inside of it; filled when it is left."""
        taken = Taken()
        before, logged = self.cloud.counts.copy(), self._logged()
        at, states, requests = len(self._log), self._transitions, self._requests
        yield taken
        taken.counts = self.cloud.counts.since(before)
        taken.invocations = self._log[at:]
        taken.transitions = self._transitions - states
        taken.requests = self._requests - requests
        platform = (PLATFORM_LOG + 3 * LOG_EVENT) * len(taken.invocations)
        taken.logged = self._logged() - logged + platform

    def said(self, function: str) -> str:
        """What a function has written."""
        return "\n".join(
            process.said()[-4000:]
            for name, process in self._processes.items()
            if name.partition(":")[0] == function
        )

    def stop(self, *functions: str) -> None:
        """End processes, so that the next event starts new ones."""
        for name in list(self._processes):
            if name.partition(":")[0] in functions:
                self._processes.pop(name).close()

    def close(self) -> None:
        """End all processes, and the cloud."""
        for process in self._processes.values():
            process.close()
        self.cloud.close()

    # What AWS would do

    def _process(self, name: str, version: str) -> _Process:
        key = f"{name}:{version}"
        with self._making:
            if key not in self._processes:
                log = self._folder / f"{name}-{version}-{len(self._processes)}.log"
                environment = self.settings.environment(name)
                environment["AWS_ACCESS_KEY_ID"] = f"{name}-{version}"
                if version:
                    config = self.clients["lambda"].get_function_configuration(FunctionName=key)
                    environment |= config["Environment"]["Variables"]
                said = self.functions[name]
                subject = Subject(
                    said["Handler"], ROOT / said["CodeUri"], environment, [ROOT / "layers" / "own"]
                )
                self._processes[key] = _Process(subject, log)
            return self._processes[key]

    def _invoked(
        self, caller: str, function: str, payload: bytes, waits: bool
    ) -> tuple[str, bytes]:
        if not waits:
            self._later.append((function, payload))
            return "", b""
        try:
            return "", self.invoke(function, payload, caller)
        except FunctionFailedError as error:
            return "Unhandled", str(error).encode()

    def _started(self, machine: str, name: str, event: str) -> str:
        self._executions.append((machine, event))
        return f"arn:aws:states:{REGION}:123456789012:execution:{machine}:{name}"

    def _items(self, given: dict[str, Any]) -> Any:
        found = self._states["s3"].get_object(Bucket=given["Bucket"], Key=given["Key"])
        return json.loads(found["Body"].read())

    def _put(self, given: dict[str, Any]) -> Any:
        self._states["dynamodb"].put_item(TableName="JobsTable", Item=given["Item"])
        return {"SdkHttpMetadata": {"HttpStatusCode": 200}}

    def _logged(self) -> int:
        return sum(process.logged() for process in self._processes.values())


def transitions(execution: Execution, *, child: bool = False) -> int:
    """State transitions that are paid for.

    Those of the states that were entered, once more for each further try, and one for each
    execution that a distributed map starts; the turns of an inline map are not paid for themselves.
    """
    tries = sum(len(waits) for waits in execution.waited.values())
    own = len(execution.passed) + tries + child
    inside = {
        name: state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        for name, state in execution.definition["States"].items()
        if state["Type"] == "Map"
    }
    distributed = any(inside.values())
    return own + sum(transitions(each, child=distributed) for each in execution.children)


def api_event(
    method: str, path: str, body: Any, parameters: dict[str, str], query: str = ""
) -> dict[str, Any]:
    """An event of API Gateway."""
    full = path
    for name, value in parameters.items():
        full = full.replace(f"{{{name}}}", value)
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    return {
        "resource": path,
        "path": full,
        "httpMethod": method.upper(),
        "headers": {"content-type": "application/json", "host": "localhost"},
        "multiValueHeaders": {},
        "queryStringParameters": pairs or None,
        "multiValueQueryStringParameters": {k: [v] for k, v in pairs.items()} or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "prod",
            "httpMethod": method.upper(),
            "resourcePath": path,
            "path": f"/prod{full}",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _side_by_side(done: list[Invocation]) -> float:
    """Seconds that somebody waits for functions, some of which ran at the same time."""
    total, end, longest = 0.0, 0.0, 0.0
    for each in sorted(done, key=lambda one: one.began):
        if each.began >= end:
            total, longest = total + longest, 0.0
        longest, end = max(longest, each.billed), max(end, each.ended)
    return total + longest


def _task(stack: WholeStack, function: str) -> Any:
    return lambda event: _answer(stack, function, event)


def _answer(stack: WholeStack, function: str, event: Any) -> Any:
    try:
        return json.loads(stack.invoke(function, event))
    except FunctionFailedError as error:
        told = json.loads(str(error))
        raise StateError(told.get("errorType", "Lambda.Unknown"), json.dumps(told)) from error


def _record(message: dict[str, Any], arn: str) -> dict[str, Any]:
    """A message as a function gets it."""
    attributes = {
        name: {"stringValue": said.get("StringValue"), "dataType": said["DataType"]}
        for name, said in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


_KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
_SERVICES = ("dynamodb", "s3", "sqs", "sns", "lambda", "iam", "ssm")
_EMPTY_ZIP = b"PK\x05\x06" + b"\x00" * 18


@contextmanager
def whole_stack() -> Iterator[WholeStack]:
    """A stack in an account of its own."""
    with account(), tempfile.TemporaryDirectory() as folder:
        stack = WholeStack(Path(folder))
        try:
            yield stack
        finally:
            stack.close()
