"""Trainings as pipelines, as the command line starts and shows them."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from devkit import history, outcomes, pipelines
from devkit.errors import DevkitError, UsageError
from unit.devkit.test_history import entered, left

PIPELINE = "arn:aws:states:eu-west-1:1:stateMachine:s-pipeline-training"
WHOLE = "arn:aws:states:eu-west-1:1:stateMachine:s-batch-training"


class FakeExecutions:
    """Step Functions with the executions that it is given, by ARN."""

    def __init__(self, **found):
        self._found = found
        self.started = []

    def describe_execution(self, executionArn):  # noqa: N803 - as the client has it
        machine, name = executionArn.split(":execution:")[1].split(":")
        found = self._found.get(name)
        if found is None or found["machine"] != machine:
            error = {"Error": {"Code": "ExecutionDoesNotExist", "Message": "no"}}
            raise ClientError(error, "DescribeExecution")
        return {"status": found["status"], "input": json.dumps(found["input"])}

    def start_execution(self, stateMachineArn, name, input):  # noqa: A002, N803
        self.started.append((stateMachineArn, name, json.loads(input)))
        return {"executionArn": f"{stateMachineArn}:{name}"}


def deployed(executions):
    outputs = {
        "PipelineTrainingStateMachineArn": PIPELINE,
        "BatchTrainingStateMachineArn": WHOLE,
    }
    target = SimpleNamespace(client=lambda service: {"stepfunctions": executions}[service])
    return SimpleNamespace(outputs=outputs, target=target)


def run_of(machine="s-pipeline-training", status="FAILED", **more):
    event = {"training_id": "iris-1", "origin": "schedule", "spec": {"name": "iris"}, **more}
    return {"machine": machine, "status": status, "input": event}


def test_pipeline_reads_memos_when_it_is_started():
    executions = FakeExecutions()

    started = pipelines.start(deployed(executions), {"origin": "cli", "spec": {"name": "iris"}})

    ((machine, name, event),) = executions.started
    assert (machine, name) == (PIPELINE, started.training_id)
    assert event == {
        "origin": "cli",
        "spec": {"name": "iris"},
        "training_id": name,
        "reuse": True,
    }


@pytest.mark.parametrize("machine", ["s-pipeline-training", "s-batch-training"])
def test_same_input_starts_under_another_name_when_a_training_is_resumed(machine):
    executions = FakeExecutions(**{"iris-1": run_of(machine)})
    cloud = deployed(executions)

    started = pipelines.start(cloud, pipelines.resumed(cloud, "iris-1", {}))

    ((_, name, event),) = executions.started
    assert started.training_id == name != "iris-1"
    assert event["spec"] == {"name": "iris"}
    assert event["reuse"] is True


def test_last_step_of_then_is_kept_when_nothing_else_is_asked():
    cloud = deployed(FakeExecutions(**{"iris-1": run_of(until="export")}))

    assert pipelines.resumed(cloud, "iris-1", {})["until"] == "export"
    other = pipelines.resumed(cloud, "iris-1", {"only": "train"})
    assert (other["only"], "until" in other) == ("train", False)


def test_nothing_is_resumed_when_it_runs_or_is_not_known():
    cloud = deployed(FakeExecutions(**{"iris-1": run_of(status="RUNNING")}))

    with pytest.raises(DevkitError, match="still runs"):
        pipelines.resumed(cloud, "iris-1", {})
    with pytest.raises(DevkitError, match="no training iris-9"):
        pipelines.resumed(cloud, "iris-9", {})


def test_error_is_not_swallowed_when_it_is_another():
    class Refusing(FakeExecutions):
        def describe_execution(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Describe")

    with pytest.raises(ClientError, match="AccessDenied"):
        pipelines.resumed(deployed(Refusing()), "iris-1", {})


def test_steps_are_chosen_when_they_are_known():
    assert pipelines.part(step=None, until=None) == {}
    assert pipelines.part(step="train", until=None) == {"only": "train"}
    assert pipelines.part(step=None, until="export") == {"until": "export"}
    with pytest.raises(UsageError, match="not both"):
        pipelines.part(step="train", until="export")
    with pytest.raises(UsageError, match="no step 'fit'"):
        pipelines.part(step="fit", until=None)


def exited(name, output):
    event = left(2, name, 1)
    event["stateExitedEventDetails"]["output"] = output
    (state,) = history.progress([entered(1, name, 0), event]).passed
    return state


def test_skipped_step_says_whose_output_it_took_when_it_is_shown():
    held = {"collect": {"dataset": "d", "skipped": True, "from": "iris-1"}}

    assert pipelines.skipped(exited("Collect", json.dumps(held))) == "unchanged, from iris-1"


@pytest.mark.parametrize(
    "output",
    ["", "[]", '{"train', '{"train": {"digest": "d"}}', '{"collect": {"skipped": true}}'],
)
def test_nothing_is_said_of_a_step_when_it_did_its_work(output):
    assert pipelines.skipped(exited("Train", output)) == ""


def test_training_that_was_to_stop_is_told_as_done():
    told = outcomes.sentence({"outcome": "done", "model": "iris"})

    assert told.startswith("done as far as it was asked for")


@pytest.mark.parametrize(
    ("outcome", "resumed", "told"),
    [
        ("registered", False, "servery release iris 1.0.0"),
        ("failed", True, "train --resume iris-1"),
        ("refused", True, "the spec of then"),
        ("refused", False, ""),
        ("done", False, ""),
    ],
)
def test_way_on_is_told_when_a_training_has_ended(outcome, resumed, told):
    output = {"outcome": outcome, "model": "iris", "version": "1.0.0", "training_id": "iris-1"}

    following = outcomes.next_step(output, resumed=resumed)

    assert told in following
    assert bool(told) == bool(following)
