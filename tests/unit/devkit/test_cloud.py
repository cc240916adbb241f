import os
import subprocess
import sys

import pytest
from devkit import cloud, instances
from devkit.errors import DevkitError
from devkit.processes import identify


def test_usual_port_when_it_is_free():
    assert cloud.choose_port(None, usual=4566, free=lambda _: True, anything=lambda: 1) == 4566


def test_any_port_when_the_usual_one_is_taken():
    assert cloud.choose_port(None, usual=4566, free=lambda _: False, anything=lambda: 1) == 1


def test_any_port_when_an_instance_has_no_usual_one():
    assert cloud.choose_port(None, usual=None, free=lambda _: True, anything=lambda: 1) == 1


def test_refused_when_the_port_asked_for_is_taken():
    with pytest.raises(DevkitError, match="Port 5000 is taken"):
        cloud.choose_port(5000, usual=4566, free=lambda _: False, anything=lambda: 1)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"pid": "x", "born": "", "port": 1},
        {"pid": 1, "born": "never", "port": 4566},
        {"pid": os.getpid(), "born": "", "port": 1, "kind": "moto"},
    ],
)
def test_no_cloud_when_the_record_is_of_none_that_lives(tmp_path, record):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    instances.write_record(instance.cloud_record, record)
    assert cloud.running(instance) is None


def test_cloud_is_found_when_its_process_lives(tmp_path):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    own = identify(os.getpid())
    assert own is not None
    record = {"pid": own.pid, "born": own.born, "port": 4567}
    instances.write_record(instance.cloud_record, record)
    found = cloud.running(instance)
    assert found is not None
    assert found.endpoint_url == "http://127.0.0.1:4567"


def test_nothing_is_stopped_when_the_record_is_stale(tmp_path):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    stale = {"pid": os.getpid(), "born": "another boot/1", "port": 4566}
    instances.write_record(instance.cloud_record, stale)
    assert cloud.stop(instance) is False
    assert not instance.cloud_record.exists()


def test_record_says_what_runs_when_a_cloud_was_started(tmp_path):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    program = "import json, sys; print(json.load(open(sys.argv[1]))['kind'], 'runs')"
    record = str(instance.cloud_record)
    command = [sys.executable, "-m", "devkit.launch", record, "4567", "localstack"]
    done = subprocess.run(
        [*command, sys.executable, "-c", program, record],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "localstack runs\n"


@pytest.mark.parametrize(("kind", "name"), [(None, "ministack"), ("localstack", "localstack")])
def test_kind_is_known_again_when_its_process_lives(tmp_path, kind, name):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    own = identify(os.getpid())
    assert own is not None
    record = {"pid": own.pid, "born": own.born, "port": 4567}
    instances.write_record(instance.cloud_record, record | ({"kind": kind} if kind else {}))
    found = cloud.running(instance)
    assert found is not None
    assert found.kind.name == name
