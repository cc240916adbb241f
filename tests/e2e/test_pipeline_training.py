"""A training as a pipeline: unchanged steps are skipped, and a killed one goes on."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Stack, wait_until

STEPS = ["collect", "preprocess", "train", "export", "evaluate", "register"]
MACHINE = "PipelineTrainingStateMachineArn"


def pipeline(stack: Stack, spec: dict[str, Any], *options: str) -> dict[str, Any]:
    """Train a spec as a pipeline by the command line; whatever came of it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        done = stack.run("train", file.name, "--pipeline", *options, "--json", check=False)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def spec_of(stack: Stack, name: str) -> dict[str, Any]:
    """Iris under a name of its own, with parameters that nobody else has: memos are shared."""
    spec = stack.spec("iris", name=f"{name}-{uuid.uuid4().hex[:6]}")
    spec["estimator"] = {
        "class": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_estimators": 40, "random_state": uuid.uuid4().int % 10**9},
    }
    return spec


def slow_to_fit() -> dict[str, Any]:
    """A small network that takes seconds: whoever sees that it has begun can still stop it."""
    epochs = {"max_iter": 5000, "n_iter_no_change": 5000, "random_state": uuid.uuid4().int % 10**9}
    return {
        "class": "sklearn.neural_network.MLPClassifier",
        "params": {"hidden_layer_sizes": [16], **epochs},
    }


def states_of(run: dict[str, Any]) -> dict[str, str]:
    """What became of each step."""
    return {name: step["state"] for name, step in run["steps"].items()}


def files_of(stack: Stack, training_id: str) -> set[str]:
    """What a training left beside itself, but for the state of its steps."""
    prefix = f"trainings/{training_id}/"
    bucket = stack.status["outputs"]["ArtifactsBucketName"]
    listed = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    names = {entry["Key"].removeprefix(prefix) for entry in listed.get("Contents", [])}
    return {name for name in names if not name.startswith("steps/")}


def trainings_of(stack: Stack, model: str, version: str) -> list[str]:
    """The trainings of a version."""
    found = stack.http.get(f"/models/{model}/versions/{version}").raise_for_status().json()
    return [training["ref"]["training"] for training in found["trainings"]]


class Killed:
    """A pipeline that is killed while it is in a step.

    Args:
        stack: The deployed stack.
        spec: What is trained, its data by path.
    """

    def __init__(self, stack: Stack, spec: dict[str, Any]) -> None:
        self._stack, self._states = stack, stack.client("stepfunctions")
        self.id = f"{spec['name']}-{uuid.uuid4().hex[:12]}"
        key, bucket = f"raw/{self.id}/data.csv", stack.status["outputs"]["ArtifactsBucketName"]
        content = Path(spec["data"]["uri"]).read_bytes()
        stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        spec = {**spec, "data": {**spec["data"], "uri": f"s3://{bucket}/{key}"}}
        event = {"training_id": self.id, "origin": "test", "spec": spec, "reuse": True}
        self.execution = self._states.start_execution(
            stateMachineArn=stack.status["outputs"][MACHINE], name=self.id, input=json.dumps(event)
        )["executionArn"]

    def wait_for(self, step: str) -> None:
        """Wait until a step is at its work: its function has noted that it has begun."""
        store, key = self._stack.client("s3"), f"trainings/{self.id}/steps/{step}.json"
        bucket = self._stack.status["outputs"]["ArtifactsBucketName"]

        def begun() -> bool:
            found = store.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
            return key in {entry["Key"] for entry in found}

        wait_until(begun, seconds=60, what=f"{self.id} works on {step}")

    def stop(self) -> None:
        """Stop the execution, as a person would in the console."""
        self._states.stop_execution(executionArn=self.execution)
        self.end("ABORTED")

    def kill(self, step: str) -> None:
        """End the process that runs a step, in the midst of its work."""
        self.wait_for(step)
        function = f"Training{step.capitalize()}Function"
        found = self._stack.processes_of(function)
        assert found, f"no process runs {function}"
        for process in found:
            os.kill(process, signal.SIGKILL)

    def end(self, status: str) -> None:
        """Wait for the end of the execution."""

        def over() -> str | None:
            found = self._states.describe_execution(executionArn=self.execution)["status"]
            return None if found == "RUNNING" else str(found)

        assert wait_until(over, seconds=120, what=f"{self.id} ends") == status


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_finished_steps_are_not_repeated_when_a_step_is_killed_and_resumed(stack: Stack) -> None:
    spec = spec_of(stack, "iris-killed")
    spec["estimator"]["params"]["n_estimators"] = 400  # exporting them takes seconds
    killed = Killed(stack, spec)
    killed.kill("export")
    killed.end("FAILED")
    found = stack.http.get(f"/models/{spec['name']}/trainings").raise_for_status().json()
    (before,) = found["trainings"]
    assert (before["outcome"], before["failed_step"]) == ("failed", "export")
    fitted = files_of(stack, killed.id)
    assert "model.joblib" in fitted

    resumed = stack.json("train", "--resume", killed.id)

    assert resumed["outcome"] == "registered"
    assert resumed["training_id"] != killed.id
    states = states_of(resumed)
    assert [states[name] for name in STEPS] == ["skipped"] * 3 + ["done"] * 3
    assert resumed["steps"]["train"]["from"] == killed.id
    assert "model.joblib" not in files_of(stack, resumed["training_id"])
    released = stack.release(spec["name"], version=resumed["version"])
    assert released["state"] == "succeeded", released


def test_pipeline_goes_on_when_its_execution_was_stopped(stack: Stack) -> None:
    spec = spec_of(stack, "iris-stopped")
    spec["estimator"] = slow_to_fit()
    killed = Killed(stack, spec)
    killed.wait_for("train")
    killed.stop()

    shown = stack.run("train", "--resume", killed.id).stdout

    assert "registered as 0.1.0-" in shown
    lines = {line.split()[1]: line for line in shown.splitlines() if line.startswith("✓")}
    assert f"unchanged, from {killed.id}" in lines["Collect"]
    assert "unchanged, from" in lines["Preprocess"]
    assert "unchanged" not in lines["Export"]


def test_nothing_is_trained_when_nothing_has_changed(stack: Stack) -> None:
    spec = spec_of(stack, "iris-unchanged")
    first = pipeline(stack, spec)
    assert first["outcome"] == "registered", first
    assert states_of(first)["train"] == "done"

    second = pipeline(stack, spec)

    assert second["outcome"] == "registered"
    assert states_of(second) == dict.fromkeys(STEPS, "skipped")
    assert (second["version"], second["training"]) == (first["version"], first["training"])
    assert second["metrics"] == first["metrics"]
    assert files_of(stack, second["training_id"]) == set()
    assert trainings_of(stack, spec["name"], first["version"]) == [first["training"]]


@pytest.mark.slow
def test_only_what_reads_the_parameters_runs_when_they_have_changed(stack: Stack) -> None:
    spec = spec_of(stack, "iris-deeper")
    first = pipeline(stack, spec)
    spec["estimator"]["params"]["max_depth"] = 2

    second = pipeline(stack, spec)

    states = states_of(second)
    assert [states[name] for name in STEPS] == ["skipped"] * 2 + ["done"] * 4
    assert second["version"].startswith("0.1.1-")
    assert second["version"].split("-")[1] == first["version"].split("-")[1]


@pytest.mark.slow
def test_whole_training_finds_nothing_to_skip_when_it_is_no_pipeline(stack: Stack) -> None:
    spec = spec_of(stack, "iris-whole")
    first = stack.train(spec)
    second = stack.train(spec)

    assert (first["training"], second["training"]) == ("tr0", "tr1")
    third = pipeline(stack, spec)
    assert states_of(third) == dict.fromkeys(STEPS, "skipped")
    assert third["version"] == second["version"]


@pytest.mark.slow
def test_steps_run_up_to_one_or_alone_when_asked(stack: Stack) -> None:
    spec = spec_of(stack, "iris-part")
    until = pipeline(stack, spec, "--until", "train")
    assert until["outcome"] == "done"
    assert list(states_of(until)) == STEPS[:3]
    assert stack.http.get(f"/models/{spec['name']}").status_code == 404

    alone = pipeline(stack, spec, "--step", "export")
    assert alone["outcome"] == "done"
    assert states_of(alone)["export"] == "done"
    assert "evaluate" not in states_of(alone)

    whole = pipeline(stack, spec)
    states = states_of(whole)
    assert [states[name] for name in STEPS] == ["skipped"] * 4 + ["done"] * 2
    assert whole["outcome"] == "registered"


@pytest.mark.slow
def test_large_training_is_refused_with_the_way_out_when_the_stack_has_no_batch(
    stack: Stack,
) -> None:
    spec = spec_of(stack, "iris-large")
    spec["pipeline"] = {"large": {"above_mb": 0}}

    refused = pipeline(stack, spec)

    assert refused["outcome"] == "refused"
    (reason,) = refused["reasons"]
    assert "TrainingImage" in reason
    assert "above_mb" in reason
    spec["pipeline"]["large"]["above_mb"] = 1
    assert pipeline(stack, spec)["outcome"] == "registered"
