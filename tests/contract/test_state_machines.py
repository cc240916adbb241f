"""State machines against their handlers and the template."""

from __future__ import annotations

import re

import msgspec
import pytest
import yaml
from contract.state_machines import ContractError, Machine, handler_types
from fakes.template import ROOT, template
from servery.domain.chunks import Chunk, ChunkResult
from servery.domain.search_records import Proposal
from servery.edge.predictor.chunk import ChunkEvent
from servery.usecases.search.messages import SearchEvent

FILES = sorted((ROOT / "state_machines").glob("*.asl.yaml"))
RESOURCES = template()["Resources"]
BRANCHES = {"RejectedError", "RetryableError", "FaultError"}
SERVICE = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SnapStartNotReadyException",
    "Lambda.SnapStartRegenerationFailureException",
    "Lambda.SnapStartTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
}
BATCH = {
    "Batch.AWSBatchException",
    "Batch.BatchException",
    "Batch.ServerException",
    "Batch.TooManyRequestsException",
}
"""What AWS Batch answers with where it takes no job."""
CRASHES = {"Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"}
"""What a function is called whose process dies or takes too long, beside `Lambda.Unknown`."""
NAMED = {"States.ALL", "States.Timeout", "States.TaskFailed", "States.DataLimitExceeded"}


class Start(msgspec.Struct):
    name: str


class Result(msgspec.Struct):
    rows: int


class Next(msgspec.Struct):
    name: str
    first: Result


def _machine(second):
    states = {
        "First": {
            "Type": "Task",
            "Resource": "${FirstArn}",
            "ResultPath": "$.first",
            "Next": "Second",
        },
        "Second": second,
        "Done": {"Type": "Succeed"},
    }
    functions = {"FirstArn": (Start, Result), "SecondArn": (Next, Result)}
    return Machine({"StartAt": "First", "States": states}, functions)


def test_every_state_is_reached_when_each_reads_what_is_there():
    second = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": "${SecondArn}",
            "Payload": {"name.$": "$.name", "first.$": "$.first"},
        },
        "ResultSelector": {"rows.$": "$.Payload.rows"},
        "Catch": [{"ErrorEquals": ["FaultError"], "ResultPath": "$.error", "Next": "Done"}],
        "Next": "Done",
    }

    assert _machine(second).check(Start) == {"First", "Second", "Done"}


@pytest.mark.parametrize(
    "second",
    [
        {"Type": "Choice", "Choices": [{"Variable": "$.first.passed", "Next": "Done"}]},
        {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.frist"}], "Next": "Done"}]},
        {"Type": "Pass", "Parameters": {"a.$": "$.first.lines"}, "Next": "Done"},
        {"Type": "Pass", "Parameters": {"a.$": "States.Format('{}', $.rows)"}, "Next": "Done"},
        {"Type": "Task", "Resource": "${FirstArn}", "InputPath": "$.other", "Next": "Done"},
        {"Type": "Task", "Resource": "${FirstArn}", "InputPath": "$.first", "Next": "Done"},
        {
            "Type": "Task",
            "Resource": "${SecondArn}",
            "Parameters": {"name.$": "$.first.rows", "first.$": "$.first"},
            "Next": "Done",
        },
    ],
    ids=["choice", "nested choice", "parameter", "intrinsic", "input", "missing field", "type"],
)
def test_machine_is_rejected_when_a_state_reads_what_nobody_produced(second):
    with pytest.raises(ContractError, match="Second"):
        _machine(second).check(Start)


def test_machine_is_rejected_when_only_one_way_produces_a_field():
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.name", "Next": "First"}]}
    read = {"Type": "Pass", "Parameters": {"a.$": "$.first.rows"}}
    machine = _machine(read)
    machine.states["Fork"] = {**choice, "Default": "Second"}
    machine.definition["StartAt"] = "Fork"

    with pytest.raises(ContractError, match="first"):
        machine.check(Start)


def _pascal(name):
    return "".join(word.capitalize() for word in name.split("_"))


def _deployed(path):
    return RESOURCES[f"{_pascal(_stem(path))}StateMachine"]["Properties"]


def _function(substitution):
    """The resource of a function whose ARN is substituted."""
    return RESOURCES[substitution.removesuffix("Arn")]["Properties"]


# What lies behind a path in place of a substitution, and what a map reads.
BEHIND_PATHS = {"batch_prediction": {"$.server": (ChunkEvent, ChunkResult)}}
ITEMS = {
    "batch_prediction": {"Predict": Chunk},
    "search": {"RunTrials": list[Proposal], "RunLane": Proposal},
}
STARTS = {"search": SearchEvent}
"""Input of an execution, where it is more than its first step reads."""
FAILS_FOR_GOOD = {"RunTrial"}
"""A crash is what it has found out."""


def _stem(path):
    return path.name.removesuffix(".asl.yaml")


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request):
    return request.param


@pytest.fixture
def machine(path):
    definition = yaml.safe_load(path.read_text())
    names = {n for n in Machine(definition).substitutions() if n.endswith("FunctionArn")}
    functions = {}
    for name in names:
        properties = _function(name)
        verb = properties["Handler"].split(".")[0]
        functions[name] = handler_types(ROOT / properties["CodeUri"] / f"{verb}.py")
    named, items = BEHIND_PATHS.get(_stem(path), {}), ITEMS.get(_stem(path), {})
    return Machine(definition, functions, named, items)


def test_state_machines_are_there_when_the_template_includes_them():
    assert FILES


def test_every_substitution_is_bound_when_deployed(path, machine):
    bound = _deployed(path)["DefinitionSubstitutions"]

    assert machine.substitutions() == set(bound)
    for name, value in bound.items():
        if name.endswith("FunctionArn"):
            assert value == {"Fn::GetAtt": f"{name.removesuffix('Arn')}.Arn"}
            assert _function(name)


def test_role_invokes_exactly_the_steps_when_deployed(path, machine):
    role = RESOURCES[_deployed(path)["Role"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"]
    statement, *others = [
        s
        for policy in role["Policies"]
        for s in policy["PolicyDocument"]["Statement"]
        if s.get("Action") == "lambda:InvokeFunction"
    ]
    # Model servers are named by a path: published versions of the predictor, and no other.
    versions = [{"Fn::Sub": "${PredictorFunction.Arn}:*"}] if machine.named else []
    assert [s["Resource"] for s in others] == versions

    granted = {resource["Fn::GetAtt"] for resource in statement["Resource"]}

    assert granted == {name.removesuffix("Arn") + ".Arn" for name in machine.functions}


def test_every_field_is_produced_before_when_a_state_reads_it(path, machine):
    resource = machine.states[machine.definition["StartAt"]]["Resource"]
    event, _ = machine.functions[resource.removeprefix("${").removesuffix("}")]

    start = STARTS.get(_stem(path), event)
    assert machine.check(start) == set(machine.all_states())


def test_every_error_has_a_known_name_when_it_is_retried_or_caught(machine):
    for name, state in machine.all_states().items():
        retried = {e for rule in state.get("Retry", []) for e in rule["ErrorEquals"]}
        caught = {e for rule in state.get("Catch", []) for e in rule["ErrorEquals"]}
        if str(state.get("Resource", "")).endswith(":dynamodb:putItem"):
            retried -= {"States.TaskFailed"}  # a write that is the same again
        if str(state.get("Resource", "")).endswith(":batch:submitJob.sync"):
            retried -= BATCH
        assert retried <= {"RetryableError"} | SERVICE | CRASHES, name
        assert caught <= BRANCHES | SERVICE | NAMED | CRASHES, name


def test_every_step_is_retried_when_lambda_is_at_fault(machine):
    for name, state in machine.all_states().items():
        if _runs_a_function(state):
            retried = {e for rule in state.get("Retry", []) for e in rule["ErrorEquals"]}
            assert {"RetryableError", "Lambda.TooManyRequestsException"} <= retried, name


def _runs_a_function(state):
    resource = str(state.get("Resource", ""))
    return "FunctionArn" in resource or resource.endswith(":lambda:invoke")


def test_crashed_step_is_tried_again_when_it_is_a_chunk_of_many(machine):
    for name, state in machine.all_states().items():
        if name not in {*machine.states, *FAILS_FOR_GOOD} and _runs_a_function(state):
            retried = {e for rule in state["Retry"] for e in rule["ErrorEquals"]}
            assert retried >= CRASHES | {"Lambda.Unknown"}, name


def test_every_error_is_caught_when_a_step_or_a_map_ends_in_one(machine):
    for name, state in machine.all_states().items():
        if _runs_a_function(state) or state["Type"] == "Map":
            assert {"ErrorEquals": ["States.ALL"]}.items() <= state["Catch"][-1].items(), name


def test_number_at_once_is_bounded_when_a_state_is_a_map(machine):
    for name, state in machine.states.items():
        if state["Type"] == "Map":
            assert 0 < state["MaxConcurrency"] <= 1000, name


def test_state_says_what_it_is_for_when_it_is_read(machine):
    assert machine.definition.get("Comment")
    for name, state in machine.all_states().items():
        assert state.get("Comment"), name


def test_state_is_named_as_its_function_when_it_runs_one(path, machine):
    others = {"Fail": "RecordFailure"}
    for name, state in machine.all_states().items():
        resource = str(state.get("Resource", ""))
        found = re.fullmatch(r"\$\{(?:Training|Batch|Search)(\w+)FunctionArn\}", resource)
        if found:
            wanted = others.get(found[1], found[1])
            assert name.startswith(wanted), f"{name} in {path.name} runs {found[1]}"
