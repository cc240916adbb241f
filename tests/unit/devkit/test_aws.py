import io
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from devkit import aws
from devkit.errors import DevkitError, UsageError
from devkit.screen import Screen
from rich.console import Console

OURS = [{"Key": "created-by", "Value": "servery"}]


class FakeTarget:
    """AWS as the preflight sees it: who calls, and what stack there is."""

    local = False
    stack = "servery"

    def __init__(self, *, region="eu-central-1", caller=None, stacks=None):
        self.region = region
        self._caller = caller or {"Arn": "arn:aws:iam::1:user/me", "Account": "1"}
        self._stacks = stacks

    def client(self, service):
        return SimpleNamespace(
            get_caller_identity=lambda: self._answer(self._caller),
            describe_stacks=lambda **_: self._described(),
        )

    def _described(self):
        if self._stacks is None:
            error = {"Code": "ValidationError", "Message": "Stack servery does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        return {"Stacks": self._answer(self._stacks)}

    def _answer(self, value):
        if isinstance(value, Exception):
            raise value
        return value


def required(target):
    screen = Screen(console=Console(file=io.StringIO(), width=200))
    try:
        aws.require(screen, target)
    except DevkitError as error:
        return str(error), screen.console.file.getvalue()
    return "", screen.console.file.getvalue()


def test_ready_when_nothing_is_missing():
    refused, shown = required(FakeTarget())
    assert refused == ""
    assert "servery will be created" in shown


def test_ready_when_the_stack_is_ours():
    stacks = [{"StackStatus": "CREATE_COMPLETE", "Tags": OURS}]
    refused, shown = required(FakeTarget(stacks=stacks))
    assert refused == ""
    assert "will be updated" in shown


def test_refused_when_the_stack_is_of_somebody_else():
    refused, shown = required(FakeTarget(stacks=[{"StackStatus": "CREATE_COMPLETE"}]))
    assert "stack" in refused
    assert "did not create" in shown


def test_refused_when_there_are_no_credentials():
    refused, shown = required(FakeTarget(caller=NoCredentialsError()))
    assert refused == "Not ready for a deploy: credentials."
    assert "aws configure" in shown


def test_refused_when_no_region_is_known():
    refused, shown = required(FakeTarget(region=""))
    assert refused == "Not ready for a deploy: region."
    assert "--region" in shown


def test_refused_when_the_stack_cannot_be_looked_at():
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")
    refused, shown = required(FakeTarget(stacks=denied))
    assert refused == "Not ready for a deploy: stack."
    assert "cloudformation:DescribeStacks" in shown


def test_pairs_when_parameters_are_given():
    assert aws.read_parameters(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize("text", ["A", "=1", ""])
def test_usage_when_a_parameter_is_no_pair(text):
    with pytest.raises(UsageError):
        aws.read_parameters([text])
