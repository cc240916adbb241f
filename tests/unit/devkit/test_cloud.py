import os
from pathlib import Path

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


def test_nothing_of_the_caller_gets_in_when_the_cloud_is_started(tmp_path):
    given = {
        "PATH": "/bin",
        "AWS_PROFILE": "work",
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_ENDPOINT_URL": "https://elsewhere",
        "HTTPS_PROXY": "http://proxy",
        "DOCKER_HOST": "tcp://somewhere",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/elsewhere",
        "HOME": "/home/somebody",
    }
    seen = cloud.environment(tmp_path, 4566, given)
    assert seen.keys() & given.keys() == {"PATH", "HOME"}
    assert seen["HOME"] == str(tmp_path)


def test_loopback_and_enforcement_when_the_cloud_is_started(tmp_path):
    seen = cloud.environment(tmp_path, 4566, {})
    assert (seen["BIND_HOST"], seen["GATEWAY_PORT"], seen["AUTH"]) == ("127.0.0.1", "4566", "true")


@pytest.mark.parametrize(
    "record",
    [{}, {"pid": "x", "born": "", "port": 1}, {"pid": 1, "born": "never", "port": 4566}],
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


def test_folders_lie_in_the_instance_when_the_cloud_writes(tmp_path):
    seen = cloud.environment(tmp_path, 1, {})
    for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        assert Path(seen[name]).is_relative_to(tmp_path)
