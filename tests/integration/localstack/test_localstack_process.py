"""The process executor, the DynamoDB provider and the four patches in a real LocalStack."""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from running_localstack import eventually

if TYPE_CHECKING:
    from running_localstack import Application

pytestmark = pytest.mark.slow


def test_event_and_context_arrive_when_a_function_is_invoked(application: Application) -> None:
    answer = application.invoke("Reports", {"a": ["é", 1.5, None]})
    assert answer.error is None
    assert answer.payload["event"] == {"a": ["é", 1.5, None]}
    assert answer.payload["version"] == "$LATEST"
    assert answer.payload["request_id"] in answer.log
    assert 5_000 < answer.payload["remaining_ms"] <= 10_000


def test_function_sees_what_aws_gives_it_and_nothing_of_localstack(
    application: Application,
) -> None:
    seen = application.invoke("Reports", {}).payload
    assert seen["python"] == "python3.13"
    assert seen["installed"] == ["boto3"]
    assert seen["variables"]["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["variables"]["AWS_ENDPOINT_URL"] == application.cloud.url
    assert seen["variables"]["HOME"] != str(Path.home())
    assert "PROVIDER_OVERRIDE_DYNAMODB" not in seen["variables"]


def test_same_process_answers_when_a_function_is_invoked_again(application: Application) -> None:
    first, second = (application.invoke("Reports", {}).payload["pid"] for _ in range(2))
    assert first == second


def test_interpreter_is_that_of_the_runtime_when_functions_differ(
    application: Application, other_runtime: str | None
) -> None:
    if other_runtime is None:
        pytest.skip("this machine has neither Python 3.12 nor 3.11")
    seen = application.invoke("OtherPython", {}).payload
    assert seen["python"] == other_runtime
    assert seen["installed"] == ["boto3"]


def test_log_has_output_and_figures_when_an_invocation_ends(application: Application) -> None:
    log = application.invoke("Reports", {}).log
    request_id = re.search(r"START RequestId: (\S+) Version: \$LATEST\n", log)[1]
    assert "said on standard output\nsaid on standard error\n" in log
    assert f"{request_id}\tsaid with logging\n" in log
    report = re.search(
        rf"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: ([\d.]+) ms\t"
        r"Billed Duration: (\d+) ms\tMemory Size: 256 MB\tMax Memory Used: (\d+) MB\t",
        log,
    )
    assert float(report[1]) <= int(report[2])
    assert 5 < int(report[3]) < 200


def test_initialisation_is_billed_when_an_environment_is_new(application: Application) -> None:
    log = application.invoke("Fresh", {}).log
    figures = re.search(
        r"\tDuration: (.+) ms\tBilled Duration: (\d+) .*Init Duration: (.+) ms", log
    )
    duration, billed, init = (float(figure) for figure in figures.groups())
    assert 0 <= billed - (duration + init) < 1.1
    assert "Init Duration" not in application.invoke("Fresh", {}).log


def test_log_is_in_cloudwatch_when_an_invocation_is_over(application: Application) -> None:
    request_id = application.invoke("Reports", {}).payload["request_id"]
    logs = application.cloud.client("logs")

    def messages() -> list[str]:
        with suppress(logs.exceptions.ResourceNotFoundException):
            found = logs.filter_log_events(logGroupName=application.group("Reports"))
            texts = [event["message"] for event in found["events"]]
            return texts if any(f"REPORT RequestId: {request_id}" in one for one in texts) else []
        return []

    assert any("said with logging" in message for message in eventually(messages))


def test_layer_is_importable_when_a_function_has_one(application: Application) -> None:
    answer = application.invoke("Layered", {}).payload
    assert answer["greeting"] == "hello from a layer"
    assert answer["file"].endswith("/python/words.py")


def test_process_and_its_children_are_killed_when_the_time_is_over(
    application: Application,
) -> None:
    began = time.monotonic()
    answer = application.invoke("Slow", {"sleep": True})
    assert time.monotonic() - began < 8
    request_id = re.search(r"START RequestId: (\S+)", answer.log)[1]
    assert (answer.error, answer.payload) == (
        "Unhandled",
        {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
        },
    )
    assert re.search(r"\tDuration: 1000.00 ms\t.*\tStatus: timeout\t\n", answer.log)
    child = re.search(r"child (\d+)\n", answer.log)[1]
    assert eventually(lambda: not _lives(child)), "the child outlived its function"


def test_next_invocation_works_when_the_last_one_timed_out(application: Application) -> None:
    application.invoke("Slow", {"sleep": True})
    answer = application.invoke("Slow", {})
    assert (answer.error, answer.payload) == (None, "in time")


def test_cause_is_told_when_a_module_cannot_be_imported(application: Application) -> None:
    answer = application.invoke("Unimportable", {})
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Runtime.ImportModuleError"
    assert "a_module_that_does_not_exist" in answer.payload["errorMessage"]
    assert "Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError" in answer.log
    assert "[ERROR] Runtime.ImportModuleError" in answer.log
    assert "Status: error\tError Type: Runtime.ImportModuleError\t\n" in answer.log


def test_exit_status_is_told_when_a_function_exits_while_it_initialises(
    application: Application,
) -> None:
    answer = application.invoke("ExitsAtInit", {})
    request_id = re.search(r"START RequestId: (\S+)", answer.log)[1]
    reason = f"RequestId: {request_id} Error: Runtime exited with error: exit status 4"
    assert answer.payload == {"errorType": "Runtime.ExitError", "errorMessage": reason}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (3, "Runtime exited with error: exit status 3"),
        (0, "Runtime exited without providing a reason"),
    ],
)
def test_function_recovers_when_its_process_exits(
    application: Application, status: int, reason: str
) -> None:
    before = application.invoke("Exits", {}).payload
    answer = application.invoke("Exits", {"status": status})
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer.payload["errorMessage"].endswith(f"Error: {reason}")
    assert "Status: error\tError Type: Runtime.ExitError" in answer.log
    after = application.invoke("Exits", {})
    assert after.error is None
    assert after.payload != before


def test_exception_is_told_when_a_handler_raises(application: Application) -> None:
    answer = application.invoke("Raises", {"message": "nothing there"})
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "LookupError"
    assert answer.payload["errorMessage"] == "nothing there"
    assert "raises.py" in answer.payload["stackTrace"][0]
    assert "Traceback (most recent call last):\n" in answer.log


def test_two_processes_work_at_once_when_two_invocations_wait_for_each_other(
    application: Application,
) -> None:
    event = {"place": uuid4().hex, "expected": 2}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: application.invoke("Meets", event), range(2)))
    assert [answer.error for answer in answers] == [None, None]
    assert len({answer.payload for answer in answers}) == 2


def test_items_are_kept_when_a_function_writes_to_dynamodb(application: Application) -> None:
    place = uuid4().hex
    assert application.invoke("Meets", {"place": place, "expected": 1}).error is None
    items = application.cloud.client("dynamodb").get_item(
        TableName=application.names["Table"], Key={"id": {"S": place}}
    )
    assert items["Item"]["visitors"] == {"N": "1"}


def test_second_invocation_is_throttled_when_the_template_reserves_one(
    application: Application,
) -> None:
    name = application.names["Reserved"]
    functions = application.cloud.client("lambda")
    reserved = functions.get_function_concurrency(FunctionName=name)
    assert reserved["ReservedConcurrentExecutions"] == 1
    event = {"place": uuid4().hex, "expected": 2}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(application.invoke, "Reserved", event)
        assert eventually(lambda: _visitors(application, event["place"]))
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            application.invoke("Reserved", event)
        waiting.cancel()
        _arrive(application, event["place"])
        assert waiting.result().error is None


def test_metric_is_in_cloudwatch_when_a_function_logs_it(application: Application) -> None:
    place = uuid4().hex
    application.invoke("Measures", {"place": place})
    metrics = application.cloud.client("cloudwatch")

    def points() -> list[dict[str, float]]:
        now = time.time()
        found = metrics.get_metric_statistics(
            Namespace="Tests",
            MetricName="length",
            Dimensions=[{"Name": "place", "Value": place}],
            StartTime=now - 600,
            EndTime=now + 60,
            Period=3600,
            Statistics=["Sum", "SampleCount"],
        )
        return found["Datapoints"]

    point = eventually(points)[0]
    assert (point["Sum"], point["SampleCount"]) == (7, 2)


def test_refusal_is_in_localstacks_log_when_a_metric_is_malformed(
    application: Application,
) -> None:
    application.invoke("Measures", {"place": "anywhere"})
    warning = f"Metrics of {application.names['Measures']} were refused: Timestamp is missing."
    assert eventually(lambda: warning in application.cloud.log.read_text())


def test_both_versions_answer_when_an_alias_is_given_weights(application: Application) -> None:
    functions = application.cloud.client("lambda")
    name = application.names["Versioned"]
    functions.update_function_configuration(FunctionName=name, Description="another")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    second = functions.publish_version(FunctionName=name)["Version"]
    functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=second)
    first = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    assert second != first
    alias = functions.update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {second: 0.5}}
    )
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {second: 0.5}}
    seen = set()
    for _ in range(60):  # that all 60 go to one version has a chance of 2 ** -59
        seen.add(application.invoke("Versioned", {}, "live").payload["version"])
        if seen == {first, second}:
            break
    assert seen == {first, second}


def test_update_is_refused_when_the_weight_is_for_the_aliased_version(
    application: Application,
) -> None:
    functions = application.cloud.client("lambda")
    name = application.names["Versioned"]
    version = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.update_alias(
            FunctionName=name,
            Name="live",
            RoutingConfig={"AdditionalVersionWeights": {version: 0.5}},
        )


def test_reference_is_resolved_when_only_the_sam_transform_makes_its_target(
    application: Application,
) -> None:
    variables = application.invoke("Reports", {}).payload["variables"]
    assert variables["ALIAS"].endswith(":live")
    assert ":role/" in variables["ROLE"]


def test_definition_is_included_when_a_template_names_its_file(application: Application) -> None:
    states = application.cloud.client("stepfunctions")
    found = states.describe_state_machine(stateMachineArn=application.names["Included"])
    machine = json.loads(found["definition"])
    assert machine["Comment"].startswith("Included by the template")
    assert machine["States"]["Ask"]["Resource"].endswith(":live")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the list is Linux's")
def test_nobody_else_can_connect_when_localstack_listens(application: Application) -> None:
    port = f"{urlsplit(application.cloud.url).port:04X}"
    lines = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    hosts = [
        line[1].split(":")[0] for line in lines if line[1].endswith(f":{port}") and line[3] == "0A"
    ]
    assert hosts == ["0100007F"]


def test_start_is_refused_when_the_port_is_taken(
    environment: Path, application: Application, tmp_path: Path
) -> None:
    port = str(urlsplit(application.cloud.url).port)
    done = subprocess.run(
        [environment, "-m", "localstack_process", "--port", port, "--data", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"port {port} cannot be listened on" in done.stderr


def test_type_is_named_when_a_template_has_one_that_is_not_supported(
    application: Application,
) -> None:
    stacks = application.cloud.client("cloudformation")
    resources = {
        "Kept": {"Type": "AWS::S3::Bucket"},
        "Not": {"Type": "AWS::CodeDeploy::Application"},
    }
    change = {"StackName": "refused", "ChangeSetName": "first"}
    stacks.create_change_set(
        **change, ChangeSetType="CREATE", TemplateBody=json.dumps({"Resources": resources})
    )

    def reason() -> str:
        return stacks.describe_change_set(**change).get("StatusReason", "")

    assert "AWS::CodeDeploy::Application" in eventually(reason)
    assert "AWS::S3::Bucket" not in reason()


def test_function_fails_with_the_reason_when_its_runtime_is_not_python(
    application: Application,
) -> None:
    functions = application.cloud.client("lambda")
    known = functions.get_function(FunctionName=application.names["Reports"])
    functions.create_function(
        FunctionName="other-language",
        Runtime="nodejs22.x",
        Handler="index.handler",
        Role=known["Configuration"]["Role"],
        Code={"ZipFile": _zip("index.js")},
    )

    def reason() -> str:
        state = functions.get_function(FunctionName="other-language")["Configuration"]
        return state.get("StateReason", "")

    assert "runs Python's runtimes only, not nodejs22.x" in eventually(reason)


def _zip(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "")
    return content.getvalue()


def _lives(pid: str) -> bool:
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _visitors(application: Application, place: str) -> int:
    found = application.cloud.client("dynamodb").get_item(
        TableName=application.names["Table"], Key={"id": {"S": place}}, ConsistentRead=True
    )
    return int(found.get("Item", {}).get("visitors", {"N": "0"})["N"])


def _arrive(application: Application, place: str) -> None:
    application.cloud.client("dynamodb").update_item(
        TableName=application.names["Table"],
        Key={"id": {"S": place}},
        UpdateExpression="ADD visitors :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
