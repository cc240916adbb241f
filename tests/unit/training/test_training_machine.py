"""The state machine with the real steps in memory: every way that a training can end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.execution import STARTED, Execution, StateError
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.edge.steps import step
from servery.errors import ConflictError, FaultError, RejectedError, ThrottledError
from servery.usecases.training import messages
from servery.usecases.training.record import record

MACHINE = Path(__file__).parents[3] / "state_machines" / "batch_training.asl.yaml"
STEPS = ["Collect", "Preprocess", "Train", "Export", "Evaluate", "Register"]
ENDING = ["Record", "Automatic", "Done"]
WELL = ["Collect", "Preprocess", "Train", "Export", "Evaluate", "Gate", "Register", *ENDING]
ALERT = "arn:aws:states:::sns:publish"


class Cloud:
    """The functions of the machine around one training, each of which can be made to fail."""

    def __init__(self, spec=None, data=None):
        self.training = Training(spec or flower_spec(), data or as_csv(flowers(60)))
        self.alerts = []
        self.released = []
        self.errors = {}

    def execute(self):
        resources = {f"${{Training{name}FunctionArn}}": self._step(name) for name in STEPS}
        resources["${TrainingRecordFunctionArn}"] = self._step("Record")
        resources["${ReleaseStartFunctionArn}"] = self._release
        resources[ALERT] = self._alert
        return Execution.of(MACHINE, resources).run(self.training.state.copy())

    def _step(self, name):
        event_type = getattr(messages, f"{name}Event")
        work = getattr(self.training, f"_{name.lower()}", self._record)

        def run(event):
            errors = self.errors.get(name, [])
            if errors and (error := errors.pop(0)):
                raise error
            return work(event)

        handler = step(event_type)(run)
        return lambda event: handler(event, None)

    def _record(self, event):
        training = self.training
        return record(event, registry=training.registry, store=training.store, clock=training.clock)

    def _release(self, event):
        self.released.append(event)
        errors = self.errors.get("Release", [])
        if errors:
            raise errors.pop(0)
        return {"release": "r", "said": "a training"}

    def _alert(self, event):
        errors = self.errors.get("Alert", [])
        if errors:
            raise errors.pop(0)
        self.alerts.append(event)
        return {"MessageId": "m"}


def test_execution_succeeds_with_the_record_when_the_model_is_registered():
    cloud = Cloud()

    execution = cloud.execute()

    assert (execution.status, execution.passed) == ("SUCCEEDED", WELL)
    output = execution.output
    assert output["outcome"] == "registered"
    assert output["model"] == "flower"
    assert output["training"] == "tr0"
    assert output["started"] == STARTED
    assert output["rows"] == {"read": 60, "rejected": 0, "train": 44, "test": 16}
    kept = cloud.training.registry.run("flower", "flower-1")
    assert kept.version == output["version"]
    assert kept.event == cloud.training.state


def test_it_runs_again_from_its_record_when_asked():
    cloud = Cloud()
    first = cloud.execute().output
    again = {**cloud.training.registry.run("flower", "flower-1").event, "training_id": "again"}
    cloud.training.state = again

    second = cloud.execute().output

    assert second["version"] == first["version"]
    assert second["training"] == "tr1"
    assert second["metrics"] == first["metrics"]


def test_execution_succeeds_with_a_refusal_when_a_gate_fails():
    cloud = Cloud(flower_spec(gates={"minimum": 1.01}))

    execution = cloud.execute()

    assert execution.status == "SUCCEEDED"
    assert execution.passed == [*WELL[:6], *ENDING]
    assert execution.output["outcome"] == "refused"
    assert "below the minimum of 1.01" in execution.output["reasons"][0]
    assert not cloud.training.registry.versions("flower")
    assert not cloud.alerts
    kept = cloud.training.registry.run("flower", "flower-1")
    assert (kept.outcome, kept.reasons) == ("refused", execution.output["reasons"])


@pytest.mark.parametrize(
    ("spec", "rows", "states", "sentence"),
    [
        ({}, [{"length": 1}], ["Collect"], "the columns of the data are not those of the spec"),
        ({}, flowers(5), ["Collect", "Preprocess"], "there are 5 good rows"),
        (
            {"estimator": {"class": "sklearn.svm.SVC", "params": {"C": -1}}},
            flowers(60),
            ["Collect", "Preprocess", "Train"],
            "The 'C' parameter of SVC must be",
        ),
        ({"metric": "r2"}, flowers(60), ["Collect"], "metric: classification has"),
    ],
)
def test_execution_succeeds_with_a_refusal_when_a_step_rejects(spec, rows, states, sentence):
    execution = Cloud(flower_spec(**spec), as_csv(rows)).execute()

    assert execution.status == "SUCCEEDED"
    assert execution.passed == [*states, *ENDING]
    assert execution.calls[states[-1]] == 1
    assert execution.output["outcome"] == "refused"
    assert sentence in execution.output["reasons"][0]


@pytest.mark.parametrize("name", STEPS)
def test_execution_fails_with_step_and_reason_when_the_system_is_at_fault(name):
    cloud = Cloud()
    cloud.errors[name] = [FaultError("the disk is full")]

    execution = cloud.execute()

    assert (execution.status, execution.error) == ("FAILED", "TrainingFailed")
    assert execution.passed[-4:] == ["RecordFailure", "WhoWantsToKnow", "Alert", "Failed"]
    told = json.loads(execution.cause)
    assert (told["outcome"], told["failed_step"]) == ("failed", name.lower())
    assert told["reasons"] == ["FaultError: the disk is full"]
    assert cloud.training.registry.run("flower", "flower-1").failed_step == name.lower()
    (alert,) = cloud.alerts
    assert alert["TopicArn"] == "${AlertsTopicArn}"
    assert json.loads(alert["Message"]) == told


def test_nobody_is_told_when_the_spec_says_to_record_and_wait():
    cloud = Cloud(flower_spec(schedule={"on_fault": "record_and_wait"}))
    cloud.errors["Train"] = [FaultError("x")]

    execution = cloud.execute()

    assert execution.status == "FAILED"
    assert not cloud.alerts
    assert "Alert" not in execution.passed
    assert cloud.training.registry.run("flower", "flower-1").outcome == "failed"


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("too many"),
        StateError("Lambda.ServiceException", ""),
        StateError("Lambda.AWSLambdaException", ""),
        StateError("Lambda.SdkClientException", ""),
        StateError("Lambda.TooManyRequestsException", ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", [*STEPS, "Record"])
def test_a_step_is_tried_again_when_that_can_help(name, error):
    cloud = Cloud()
    cloud.errors[name] = [error, error]

    execution = cloud.execute()

    assert execution.status == "SUCCEEDED"
    assert execution.output["outcome"] == "registered"
    assert execution.calls[name] == 3
    assert execution.waited[name] == [2, 4]


def test_execution_fails_when_retries_are_used_up():
    cloud = Cloud()
    cloud.errors["Export"] = [ThrottledError("too many")] * 4

    execution = cloud.execute()

    assert execution.calls["Export"] == 4
    assert json.loads(execution.cause)["failed_step"] == "export"
    assert json.loads(execution.cause)["reasons"] == ["RetryableError: too many"]


@pytest.mark.parametrize("name", ["States.Timeout", "Lambda.Unknown", "KeyError"])
def test_a_step_is_not_tried_again_when_that_cannot_help(name):
    cloud = Cloud()
    cloud.errors["Train"] = [StateError(name, "")]

    execution = cloud.execute()

    assert execution.calls["Train"] == 1
    assert execution.status == "FAILED"
    assert name in json.loads(execution.cause)["reasons"][0]


def test_somebody_is_told_when_not_even_the_record_can_be_written():
    cloud = Cloud()
    cloud.errors["Train"] = [FaultError("x")]
    cloud.errors["Record"] = [FaultError("no table")]

    execution = cloud.execute()

    assert execution.passed[-4:] == ["RecordLost", "WhoWantsToKnow", "Alert", "Failed"]
    told = json.loads(execution.cause)
    assert (told["outcome"], told["training_id"]) == ("failed", "flower-1")
    assert len(cloud.alerts) == 1


def test_the_fault_is_recorded_when_the_record_of_a_success_failed():
    cloud = Cloud()
    cloud.errors["Record"] = [FaultError("no table"), None]

    execution = cloud.execute()

    assert execution.passed[-5:] == ["Record", "RecordFailure", "WhoWantsToKnow", "Alert", "Failed"]
    assert json.loads(execution.cause)["failed_step"] == "record"
    kept = cloud.training.registry.run("flower", "flower-1")
    assert (kept.outcome, kept.failed_step) == ("failed", "record")


def test_the_record_is_written_when_two_writers_met():
    cloud = Cloud()
    put_run, calls = cloud.training.registry.put_run, []

    def busy(kept):
        calls.append(kept)
        if len(calls) == 1:
            raise ConflictError("being written by somebody else")
        put_run(kept)

    cloud.training.registry.put_run = busy

    execution = cloud.execute()

    assert execution.status == "SUCCEEDED"
    assert execution.calls["Record"] == 2


def test_execution_fails_all_the_same_when_the_alert_does():
    cloud = Cloud()
    cloud.errors["Train"] = [FaultError("x")]
    cloud.errors["Alert"] = [StateError("SNS.PublishFailed", "")]

    execution = cloud.execute()

    assert (execution.status, execution.error) == ("FAILED", "TrainingFailed")
    assert json.loads(execution.cause)["failed_step"] == "train"


def test_state_stays_small_when_a_training_runs():
    execution = Cloud().execute()

    assert len(json.dumps(execution.output)) < 4000


def test_every_task_has_a_timeout_when_it_runs():
    states = Execution.of(MACHINE, {}).definition["States"]

    assert all(state["TimeoutSeconds"] for state in states.values() if state["Type"] == "Task")


def test_release_is_asked_for_and_the_record_stays_the_output_when_it_is_automatic():
    cloud = Cloud(flower_spec(release={"automatic": True}))

    execution = cloud.execute()

    assert (execution.status, execution.passed[-2:]) == ("SUCCEEDED", ["Release", "Done"])
    assert cloud.released == [{"model": "flower", "training_id": "flower-1"}]
    assert execution.output["outcome"] == "registered"
    assert "said" not in execution.output
    assert not cloud.alerts


@pytest.mark.parametrize(
    "errors",
    [[RejectedError("no unit")], [ThrottledError("a release is under way")] * 9],
    ids=["refused", "under-way"],
)
@pytest.mark.parametrize("alert", [[], [StateError("SNS.PublishFailed", "")]], ids=["told", "lost"])
def test_somebody_is_told_when_a_release_could_not_be_asked_for(errors, alert):
    cloud = Cloud(flower_spec(release={"automatic": True}))
    cloud.errors |= {"Release": list(errors), "Alert": list(alert)}

    execution = cloud.execute()

    ending = ["Release", "NotReleased", "Done"]
    assert (execution.status, execution.passed[-3:]) == ("SUCCEEDED", ending)
    assert execution.output["outcome"] == "registered"
    assert str(errors[0]) in execution.output["unreleased"]["Cause"]
    told = [(alert["Subject"], json.loads(alert["Message"])) for alert in cloud.alerts]
    assert told == ([] if alert else [("A training was not released", execution.output)])
