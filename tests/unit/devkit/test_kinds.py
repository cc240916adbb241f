import sys
from pathlib import Path

import pytest
from devkit import kinds
from devkit.errors import UsageError

CALLER = {
    "PATH": "/bin",
    "AWS_PROFILE": "work",
    "AWS_ACCESS_KEY_ID": "real",
    "AWS_ENDPOINT_URL": "https://elsewhere",
    "HTTPS_PROXY": "http://proxy",
    "DOCKER_HOST": "tcp://somewhere",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/elsewhere",
    "LOCALSTACK_AUTH_TOKEN": "secret",
    "HOME": "/home/somebody",
}


@pytest.mark.parametrize("kind", kinds.LOCAL.values(), ids=kinds.LOCAL)
def test_nothing_of_the_caller_gets_in_when_a_cloud_is_started(tmp_path, kind):
    seen = kind.environment(tmp_path, 4566, CALLER)
    assert seen.keys() & CALLER.keys() == {"PATH", "HOME"}
    assert seen["HOME"] == str(tmp_path)


@pytest.mark.parametrize("kind", kinds.LOCAL.values(), ids=kinds.LOCAL)
def test_everything_lies_in_the_instance_when_a_cloud_writes(tmp_path, kind):
    seen = kind.environment(tmp_path, 1, {})
    names = ("TMPDIR", "STATE_DIR", "S3_DATA_DIR")
    places = [Path(seen[name]) for name in names if name in seen]
    command = kind.command(tmp_path, 1)
    places += [Path(command[command.index("--data") + 1])] if "--data" in command else []
    assert places
    assert all(place.is_relative_to(tmp_path) for place in places)


def test_loopback_and_enforcement_when_ministack_is_started(tmp_path):
    seen = kinds.MINISTACK.environment(tmp_path, 4566, {})
    assert (seen["BIND_HOST"], seen["GATEWAY_PORT"], seen["AUTH"]) == ("127.0.0.1", "4566", "true")


def test_pythons_of_the_caller_are_found_when_localstack_has_another_home(tmp_path):
    seen = kinds.LOCALSTACK.environment(tmp_path, 4566, CALLER)
    assert seen["PYENV_ROOT"] == "/home/somebody/.pyenv"
    assert seen["PATH"].startswith(f"{sys.base_prefix}/bin")


def test_the_callers_setting_wins_when_it_is_one_of_the_executor(tmp_path):
    given = {"LAMBDA_PROCESS_INIT_TIMEOUT": "90"}
    seen = kinds.LOCALSTACK.environment(tmp_path, 4566, given)
    assert seen["LAMBDA_PROCESS_INIT_TIMEOUT"] == "90"


def test_layers_are_those_of_aws_when_functions_see_only_what_they_bring():
    assert kinds.MINISTACK.own_packages
    assert not kinds.LOCALSTACK.own_packages


def test_refused_when_there_is_no_such_cloud():
    with pytest.raises(UsageError, match="no cloud 'moto'") as caught:
        kinds.kind("moto")
    assert "localstack" in caught.value.hint
