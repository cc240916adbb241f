import contextlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from devkit import choice, deployments, grounds, instances, kinds, up
from devkit.choice import Choice
from devkit.errors import DevkitError
from devkit.screen import Screen
from devkit.target import Target
from rich.console import Console

STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/mine/1"
OURS = [{"Key": "created-by", "Value": "servery"}]


class FakeCloud:
    """CloudFormation and S3 with at most one stack that has one bucket of one object."""

    stack = "mine"
    local = True

    def __init__(self, tags=None, stack_id=STACK_ID):
        described = {"StackId": stack_id, "StackStatus": "CREATE_COMPLETE", "Tags": tags or []}
        self.stacks = [described]
        self.objects = [{"Key": "model.onnx", "VersionId": "1"}]

    def client(self, service):
        return self

    def describe_stacks(self, **_):
        return {"Stacks": self.stacks}

    def delete_stack(self, **_):
        assert not self.objects, "a bucket with something in it cannot be deleted"
        self.stacks = []

    def get_paginator(self, name):
        bucket = {
            "ResourceType": "AWS::S3::Bucket",
            "LogicalResourceId": "LakeBucket",
            "PhysicalResourceId": "lake",
        }
        page = {
            "list_stack_resources": {"StackResourceSummaries": [bucket]},
            "list_object_versions": {"Versions": list(self.objects)},
        }[name]
        return SimpleNamespace(paginate=lambda **_: [page])

    def delete_object(self, **named):
        self.objects = [one for one in self.objects if one["Key"] != named["Key"]]


@contextlib.contextmanager
def health(path):
    """A server that answers 200 at one path only."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def ground(url, kind):
    return grounds.Ground(Target("us-east-1", url), kind, "")


def silent():
    return Screen(console=Console(file=io.StringIO()))


def test_pages_of_this_machine_may_call_when_the_cloud_is_on_it():
    parameters = grounds.parameters(ground("http://127.0.0.1:4566", kinds.MINISTACK))
    assert parameters["AllowedOrigins"] == "http://localhost:4566,http://127.0.0.1:4566"
    assert "Architecture" not in parameters


def test_callbacks_may_reach_this_machine_when_the_cloud_is_local():
    for kind in (kinds.MINISTACK, kinds.LOCALSTACK):
        parameters = grounds.parameters(ground("http://127.0.0.1:4566", kind))
        assert parameters["CallbackAllowedNetworks"] == "127.0.0.1/32"


def test_tables_are_waited_for_longer_when_they_are_emulated():
    parameters = grounds.parameters(ground("http://127.0.0.1:4566", kinds.MINISTACK))
    assert float(parameters["TablePatience"]) > 1


def test_pages_of_the_endpoint_may_call_too_when_it_has_a_name_of_its_own():
    parameters = grounds.parameters(ground("http://box:4566", kinds.LOCALSTACK))
    assert parameters["AllowedOrigins"].endswith(",http://box:4566")
    assert parameters["Architecture"] == kinds.architecture()


def test_nothing_is_deployed_when_no_localstack_answers():
    with health("/_ministack/health") as url, pytest.raises(DevkitError, match="No LocalStack"):
        grounds.given(Choice("localstack", url, "mine"), silent())


def test_deployed_is_found_when_the_endpoint_answers(tmp_path):
    instance = instances.find("elsewhere", tmp_path)
    instance.folder.mkdir(parents=True)
    with health("/_localstack/health") as url:
        choice.remember(instance, Choice("localstack", url, "mine"))
        with pytest.raises(DevkitError, match="Nothing is deployed there"):
            deployments.current(instance)
        there = deployments.Deployed("us-east-1", url, "mine", "", "", "", {}, cloud=STACK_ID)
        instances.write_record(instance.stack_record, there.as_record())
        assert deployments.current(instance) == there
    with pytest.raises(DevkitError, match="No LocalStack answers"):
        deployments.current(instance)


def test_stack_and_content_are_deleted_when_they_are_ours():
    cloud = FakeCloud(OURS)
    assert up._delete(cloud, STACK_ID)
    assert cloud.stacks == cloud.objects == []


@pytest.mark.parametrize("cloud", [FakeCloud(), FakeCloud(OURS, f"{STACK_ID}-of-another-day")])
def test_stack_stays_untouched_when_it_is_not_the_one_from_here(cloud):
    assert not up._delete(cloud, STACK_ID)
    assert cloud.stacks
    assert cloud.objects


@pytest.mark.parametrize(
    ("kind", "state", "stuck"),
    [
        (kinds.LOCALSTACK, "UPDATE_FAILED", True),
        (kinds.LOCALSTACK, "UPDATE_IN_PROGRESS", True),
        (kinds.LOCALSTACK, "UPDATE_COMPLETE", False),
        (kinds.LOCALSTACK, "CREATE_COMPLETE", False),
        (kinds.MINISTACK, "UPDATE_FAILED", False),
    ],
)
def test_models_are_given_up_only_when_nothing_else_helps(kind, state, stuck):
    cloud = FakeCloud(OURS)
    cloud.stacks[0]["StackStatus"] = state
    assert grounds.stuck(grounds.Ground(cloud, kind, "")) is stuck
