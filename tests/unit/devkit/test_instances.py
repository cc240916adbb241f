import stat
import subprocess
import sys

import pytest
from devkit import instances
from devkit.errors import UsageError


@pytest.mark.parametrize("name", ["", "../x", "Demo", "a b", "x" * 40, "-x"])
def test_refused_when_a_name_could_lead_elsewhere(tmp_path, name):
    with pytest.raises(UsageError):
        instances.find(name, tmp_path)


def test_second_holder_waits_when_the_instance_is_held(tmp_path):
    program = (
        "import sys; from pathlib import Path; from devkit import instances\n"
        "i = instances.find('demo', Path(sys.argv[1]))\n"
        "with i.locked(lambda: print('waiting', flush=True)): print('held', flush=True)"
    )
    instance = instances.find("demo", tmp_path)
    with instance.locked():
        other = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
    assert other.communicate(timeout=10)[0] == "held\n"


def test_instance_stays_held_when_only_a_child_is_left(tmp_path):
    instance = instances.find("demo", tmp_path)
    waited = []
    with instance.locked() as held:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,)
        )

    def waiting() -> None:
        waited.append(child.poll())
        child.communicate(b"\n")

    with instance.locked(waiting):
        assert waited == [None]


def test_record_is_for_its_owner_only_when_it_is_written(tmp_path):
    path = tmp_path / "outputs.json"
    instances.write_record(path, {"api_key": "secret"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert instances.read_record(path) == {"api_key": "secret"}


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_no_record_when_it_was_cut_off(tmp_path, content):
    path = tmp_path / "cloud.json"
    path.write_text(content)
    assert instances.read_record(path) is None


def test_lock_stays_when_an_instance_is_forgotten(tmp_path):
    instance = instances.find("demo", tmp_path)
    with instance.locked():
        instance.forget()
    assert not instance.folder.exists()
    assert (tmp_path / ".servery" / "demo.lock").exists()


def test_only_the_log_of_the_cloud_stays_when_an_instance_is_forgotten(tmp_path):
    instance = instances.find("demo", tmp_path)
    instance.folder.mkdir(parents=True)
    instance.cloud_log.write_text("why it failed")
    instances.write_record(instance.stack_record, {})
    instance.forget()
    assert not instance.folder.exists()
    assert [path.read_text() for path in instance.home.iterdir()] == ["why it failed"]
