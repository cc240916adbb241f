"""The pipeline's machine with the real steps in memory: skipped, cut short, resumed, large."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fakes.execution import Execution, StateError
from fakes.template import template
from fakes.training import STEPS, Training, as_csv, flower_spec, flowers
from servery.edge.steps import step
from servery.errors import FaultError
from servery.usecases.training import messages
from servery.usecases.training.place import PlaceEvent, place
from servery.usecases.training.record import record
from servery.usecases.training.register import LEASE_SECONDS

MACHINE = Path(__file__).parents[3] / "state_machines" / "pipeline_training.asl.yaml"
BATCH = "arn:aws:states:::batch:submitJob.sync"
ALERT = "arn:aws:states:::sns:publish"
WELL = [
    *("Collect", "Collected", "Preprocess", "Preprocessed"),
    *("Train", "Trained", "Export", "Exported", "Evaluate", "Gate", "Register", "Record"),
    *("Automatic", "Done"),
]


class Cloud:
    """The functions of the machine, on one store and one registry for all executions."""

    def __init__(self, spec=None, *, has_batch=False):
        self.spec, self.data, self.has_batch = spec or flower_spec(), as_csv(flowers(60)), has_batch
        self.last, self.errors, self.jobs, self.alerts = None, {}, [], []

    def execute(self, training_id, **asked):
        known = {"store": self.last.store, "registry": self.last.registry} if self.last else {}
        asked = {"reuse": True, **asked}
        training = Training(self.spec, self.data, training_id=training_id, asked=asked, **known)
        self.last = training
        names = ["Collect", "Preprocess", "Train", "Export", "Evaluate", "Register"]
        steps = {name: (getattr(messages, f"{name}Event"), training.step) for name in names}
        resources = {
            f"${{Training{name}FunctionArn}}": self._function(name, kind, self._work(name))
            for name, (kind, _) in steps.items()
        }
        resources["${TrainingPlaceFunctionArn}"] = self._function("Place", PlaceEvent, self._place)
        resources["${TrainingRecordFunctionArn}"] = self._function(
            "Record", messages.RecordEvent, self._record
        )
        resources[BATCH] = self._job
        resources[ALERT] = lambda event: self.alerts.append(event) or {"MessageId": "m"}
        return Execution.of(MACHINE, resources).run(training.state.copy())

    def _work(self, name):
        return getattr(self.last, f"_{name.lower()}")

    def _function(self, name, kind, work):
        def run(event):
            errors = self.errors.get(name, [])
            if errors:
                raise errors.pop(0)
            return work(event)

        handler = step(kind)(run)
        return lambda event: handler(event, None)

    def _place(self, event):
        return place(
            event, store=self.last.store, kept=self.last.steps.has, has_batch=self.has_batch
        )

    def _job(self, asked):
        """The container: the same step, on the event that lies in the store."""
        self.jobs.append(asked)
        if errors := self.errors.get("job", []):
            raise errors.pop(0)
        event = json.loads(self.last.store.get(asked["Parameters"]["event"]))
        step(messages.TrainEvent)(self.last._train)(event, None)
        return {"JobId": "j-1", "JobName": asked["JobName"], "Status": "SUCCEEDED"}

    def _record(self, event):
        last = self.last
        return record(event, registry=last.registry, store=last.store, clock=last.clock)


def states(execution):
    return {name: told["state"] for name, told in execution.output["steps"].items()}


def test_every_step_is_done_once_and_then_skipped_when_nothing_changes():
    cloud = Cloud()

    first = cloud.execute("one")
    worked = list(cloud.last.worked)
    again = cloud.execute("two")

    assert (first.status, first.passed, worked) == ("SUCCEEDED", WELL, list(STEPS))
    assert states(first) == dict.fromkeys(STEPS, "done")
    assert (again.status, again.passed, cloud.last.worked) == ("SUCCEEDED", WELL, [])
    assert states(again) == dict.fromkeys(STEPS, "skipped")
    assert again.output["outcome"] == "registered"
    for name in ("version", "training", "metrics", "rows", "runtime"):
        assert again.output[name] == first.output[name]
    kept = cloud.last.registry.run("flower", "two")
    assert kept.steps["export"].source == "one"
    assert kept.event == {
        k: cloud.last.state[k] for k in ("training_id", "origin", "spec", "reuse")
    }


@pytest.mark.parametrize("name", STEPS[:-1])
def test_pipeline_is_done_when_it_was_asked_up_to_a_step(name):
    cloud = Cloud()

    execution = cloud.execute("one", until=name)

    assert execution.status == "SUCCEEDED"
    assert execution.output["outcome"] == "done"
    assert list(execution.output["steps"]) == list(STEPS[: STEPS.index(name) + 1])
    assert cloud.last.registry.run("flower", "one").outcome == "done"
    assert not cloud.last.registry.models()


def test_pipeline_goes_to_its_end_when_it_was_asked_up_to_the_last_step():
    assert Cloud().execute("one", until="register").output["outcome"] == "registered"


def test_gate_refuses_when_the_pipeline_was_to_end_there():
    cloud = Cloud(flower_spec(gates={"latency_p99_ms": 0.1}))

    execution = cloud.execute("one", until="evaluate")

    assert (execution.output["outcome"], len(execution.output["reasons"])) == ("refused", 1)


@pytest.mark.parametrize("name", STEPS[1:])
def test_one_step_runs_when_only_it_was_asked_for(name):
    cloud = Cloud()
    cloud.execute("one")

    execution = cloud.execute("two", only=name)

    assert cloud.last.worked == [name]
    assert states(execution)[name] == "done"
    assert list(states(execution)) == list(STEPS[: STEPS.index(name) + 1])
    assert execution.output["outcome"] == ("registered" if name == "register" else "done")


def test_step_is_refused_when_it_cannot_run_alone():
    execution = Cloud().execute("one", only="export")

    assert execution.output["outcome"] == "refused"
    assert "as far as train" in execution.output["reasons"][0]


@pytest.mark.parametrize("name", STEPS)
def test_failed_pipeline_goes_on_where_it_stopped_when_it_is_started_again(name):
    cloud = Cloud()
    cloud.errors[name.capitalize()] = [FaultError("broken")]
    failed = cloud.execute("one")
    before = list(cloud.last.worked)

    resumed = cloud.execute("two")

    assert (failed.status, failed.error) == ("FAILED", "TrainingFailed")
    assert json.loads(failed.cause)["failed_step"] == name
    assert before + cloud.last.worked == list(STEPS)
    assert resumed.output["outcome"] == "registered"
    skipped = [step for step, state in states(resumed).items() if state == "skipped"]
    assert skipped == before


def test_step_is_told_as_failed_when_it_was_killed_in_its_work():
    cloud = Cloud()
    cloud.errors["Export"] = [StateError("Runtime.ExitError", "signal: killed")]
    cloud.execute("one", until="train")
    key = "trainings/two/steps/export.json"
    cloud.last.store.put(key, b'{"state":"running","started":"2026-03-01T12:00:00Z"}')

    failed = cloud.execute("two")

    assert json.loads(failed.cause)["steps"]["export"]["state"] == "failed"
    assert json.loads(cloud.last.store.get(key))["state"] == "failed"


LARGE = {"pipeline": {"large": {"above_mb": 0, "vcpus": 8, "memory_mb": 32768, "minutes": 30}}}


def test_train_step_runs_in_a_job_when_the_rows_are_large():
    cloud = Cloud(flower_spec(**LARGE), has_batch=True)

    execution = cloud.execute("one")

    assert execution.output["outcome"] == "registered"
    assert cloud.last.worked == list(STEPS)
    way = ["Place", "HowLarge", "TrainLarge", "Place", "HowLarge", "Train", "Trained"]
    assert execution.passed[4:11] == way
    (job,) = cloud.jobs
    assert job["ContainerOverrides"]["ResourceRequirements"] == [
        {"Type": "VCPU", "Value": "8"},
        {"Type": "MEMORY", "Value": "32768"},
    ]
    assert job["Timeout"] == {"AttemptDurationSeconds": 1800}
    assert states(execution)["train"] == "done"


def test_no_job_is_sent_when_what_it_would_make_is_there():
    cloud = Cloud(flower_spec(**LARGE), has_batch=True)
    cloud.execute("one")

    again = cloud.execute("two")

    assert len(cloud.jobs) == 1
    assert states(again) == dict.fromkeys(STEPS, "skipped")


def test_large_training_is_refused_with_the_way_out_when_there_is_no_batch():
    execution = Cloud(flower_spec(**LARGE)).execute("one")

    assert execution.output["outcome"] == "refused"
    assert "above_mb" in execution.output["reasons"][0]


def test_training_fails_when_its_job_does():
    cloud = Cloud(flower_spec(**LARGE), has_batch=True)
    cloud.errors["job"] = [StateError("States.TaskFailed", "no machine")]

    execution = cloud.execute("one")

    assert (execution.status, json.loads(execution.cause)["failed_step"]) == ("FAILED", "train")


def test_job_is_submitted_again_when_aws_batch_takes_no_more():
    cloud = Cloud(flower_spec(**LARGE), has_batch=True)
    cloud.errors["job"] = [StateError("Batch.TooManyRequestsException", "429")] * 2

    execution = cloud.execute("one")

    assert execution.output["outcome"] == "registered"
    assert len(cloud.jobs) == 3


def test_pipeline_outlasts_the_lease_of_one_that_was_killed_when_it_registers():
    register = yaml.safe_load(MACHINE.read_text())["States"]["Register"]
    (rule,) = (r for r in register["Retry"] if r["ErrorEquals"] == ["RetryableError"])
    most = rule["MaxDelaySeconds"]
    delays = [min(rule["IntervalSeconds"] * 2**n, most) for n in range(rule["MaxAttempts"])]
    function = template()["Resources"]["TrainingRegisterFunction"]["Properties"]

    mean = sum(delays) / 2  # full jitter: between nothing and the delay

    assert function["Timeout"] < LEASE_SECONDS < mean


@pytest.mark.parametrize("name", ["Automatic", "Release", "NotReleased", "Done"])
def test_pipeline_ends_as_a_batch_training_when_its_model_is_registered(name):
    batch = MACHINE.with_name("batch_training.asl.yaml")

    ends = [yaml.safe_load(path.read_text())["States"][name] for path in (MACHINE, batch)]

    assert ends[0] == ends[1]
