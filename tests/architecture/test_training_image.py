"""The container image for large trainings, as far as it can be proven without Docker.

The folder that the image is built from is assembled for real, and its entry point trains in a
plain process that sees nothing but that folder and boto3, which the base image brings. What stays
unproven is `docker build`, the base image, and AWS Batch itself.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import msgspec
import pytest
from fakes.object_store import MemoryObjectStore
from fakes.plain_s3 import plain_s3
from fakes.template import ROOT, template
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.adapters.step_code import step_means
from servery.domain.pipeline_spec import StepName
from servery.domain.spec_rules import read_spec
from servery.domain.steps import step_digest
from servery.usecases.training.inputs import inputs_of
from servery.usecases.training.messages import TrainEvent

pytestmark = pytest.mark.slow

IMAGE = ROOT / "infra" / "image"
EVENT = "trainings/flower-1/large.json"
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """The assembled folder, built for this Python."""
    folder = tmp_path_factory.mktemp("image") / "context"
    spec = importlib.util.spec_from_file_location("assemble", IMAGE / "assemble_training.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with pytest.MonkeyPatch.context() as patch:
        here = f"python{sys.version_info.major}.{sys.version_info.minor}"
        patch.setenv("LAMBDA_RUNTIME", here)
        patch.delenv("SERVERY_LAYERS", raising=False)
        assert script.main(["--into", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """What the base image brings of packages."""
    folder = tmp_path_factory.mktemp("runtime")
    installed = Path(boto3.__file__).parents[1]
    for name in RUNTIME:
        (folder / name).symlink_to(installed / name)
    return folder


@pytest.fixture
def bucket():
    with plain_s3() as held:
        yield held


@pytest.fixture
def job(context, runtime, bucket):
    """Runs the entry point as the job definition has it, with the event's key."""

    def run(key=EVENT):
        return subprocess.run(
            [sys.executable, "-S", str(context / "run_training.py"), key],
            env={
                "PATH": "/usr/bin:/bin",
                "LD_LIBRARY_PATH": str(context / "lib"),
                "PYTHONPATH": f"{context / 'packages'}:{context / 'function'}:{runtime}",
                "POWERTOOLS_SERVICE_NAME": "training",
                "POWERTOOLS_METRICS_NAMESPACE": "Servery",
                "ARTIFACTS_BUCKET": "artifacts",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL": bucket.url,
                "AWS_MAX_ATTEMPTS": "1",
                "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def _before_train(bucket, **changes):
    """A training in which Place has sent the train step away; what is in the bucket then."""
    store = MemoryObjectStore()
    training = Training(flower_spec(**changes), as_csv(flowers(60)), store=store).run("preprocess")
    store.put(EVENT, json.dumps({**training.state, "reuse": True}).encode())
    bucket.objects = {f"artifacts/{key}": store.get(key) for key in store.objects}
    return training


def test_model_is_that_of_the_function_when_the_job_trains(job, bucket):
    training = _before_train(bucket)

    ended = job()

    assert ended.returncode == 0, ended.stderr
    training.step("train")
    made = json.loads(bucket.objects["artifacts/trainings/flower-1/train.json"])
    assert made == training.file("train.json")
    assert bucket.objects["artifacts/trainings/flower-1/model.joblib"]


def test_boosting_trains_when_the_spec_asks_for_it(job, bucket):
    boosted = {"class": "lightgbm.LGBMClassifier", "params": {"n_estimators": 3}}
    _before_train(bucket, estimator=boosted)

    ended = job()

    assert ended.returncode == 0, ended.stderr
    assert "artifacts/trainings/flower-1/model.joblib" in bucket.objects, ended.stdout


def test_function_finds_the_memo_when_the_job_has_trained(job, bucket):
    training = _before_train(bucket)

    ended = job()

    assert ended.returncode == 0, ended.stderr
    event = msgspec.convert({**training.state, "reuse": True}, TrainEvent)
    spec = read_spec(event.spec)
    digest = step_digest(
        StepName.TRAIN,
        inputs=inputs_of(event, spec.data.uri, training.store),
        spec=spec,
        means=step_means(StepName.TRAIN, spec, logic=""),
    )
    memo = json.loads(bucket.objects[f"artifacts/steps/train/{digest}.json"])
    assert memo["training_id"] == "flower-1"


def test_job_ends_well_and_leaves_word_when_the_step_refuses(job, bucket):
    _before_train(bucket, estimator={"class": "sklearn.svm.SVC", "params": {"C": -1}})

    ended = job()

    assert ended.returncode == 0, ended.stderr
    left = json.loads(bucket.objects["artifacts/trainings/flower-1/large-refused.json"])
    assert "The 'C' parameter of SVC" in left["reason"]
    assert "artifacts/trainings/flower-1/model.joblib" not in bucket.objects


def test_job_is_to_be_tried_again_when_the_bucket_does_not_answer(job, bucket):
    _before_train(bucket)
    bucket.status = 503

    assert job().returncode == 75


def test_job_fails_when_its_event_is_lost(job, bucket):
    ended = job("trainings/nobody/large.json")

    assert ended.returncode == 1
    assert "trainings/nobody/large.json is missing" in ended.stderr


def test_everything_copied_is_there_when_the_image_is_built(context):
    sources = re.findall(r"^COPY (?:--\S+ )?(\S+) ", (context / "Dockerfile").read_text(), re.M)

    assert sources
    for source in sources:
        assert (context / source).exists(), source


def test_nothing_is_assembled_when_the_folder_is_not_empty(context):
    done = subprocess.run(
        [sys.executable, str(IMAGE / "assemble_training.py"), "--into", str(context)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "is not empty" in done.stderr


def test_status_of_the_entry_point_is_retried_when_the_job_definition_says_so():
    definition = template()["Resources"]["TrainingJobDefinition"]["Properties"]
    rules = definition["RetryStrategy"]["EvaluateOnExit"]

    assert {"OnExitCode": "75", "Action": "RETRY"} in rules
    assert rules[-1] == {"OnExitCode": "*", "Action": "EXIT"}


def test_nothing_of_batch_is_there_when_the_stack_has_no_image():
    resources = template()["Resources"]
    machines = {n for n, r in resources.items() if r["Type"].startswith("AWS::Batch::")}

    assert len(machines) == 3
    for name in machines | {"TrainingJobRole", "TrainingInstanceRole", "TrainingInstanceProfile"}:
        assert resources[name]["Condition"] == "HasBatch", name


def test_layers_are_those_of_the_train_function_when_the_image_is_assembled():
    resources = template()["Resources"]
    train = resources["TrainingTrainFunction"]["Properties"]["Layers"]

    assert resources["TrainingPlaceFunction"]["Properties"]["Layers"] == train
    named = [layer["Fn::If"][1] if "Fn::If" in layer else layer for layer in train]
    spec = importlib.util.spec_from_file_location("assemble", IMAGE / "assemble_training.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert [f"{name.capitalize()}Layer" for name in script.LAYERS] == [n["Ref"] for n in named]
