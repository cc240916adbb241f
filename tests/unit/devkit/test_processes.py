import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from devkit.processes import Identity, alive, identify, stop_group

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time; "
    f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(60)"
)
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


@pytest.fixture
def leader():
    """Starts a program as the leader of its own group and cleans up after it."""
    started = []

    def start(program: str) -> Identity:
        process = subprocess.Popen(
            [sys.executable, "-c", program], start_new_session=True, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
        found = identify(process.pid)
        assert found is not None
        return found

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_same_identity_when_the_process_is_asked_for_twice():
    assert identify(os.getpid()) == identify(os.getpid())


def test_not_alive_when_the_number_belongs_to_another_process_now():
    own = identify(os.getpid())
    assert own is not None
    assert alive(own)
    assert not alive(Identity(own.pid, own.born + "0"))


def test_nothing_is_sent_when_the_number_was_given_to_another_process(leader):
    somebody = leader(SLEEPER)
    assert stop_group(Identity(somebody.pid, "another start")) is False
    time.sleep(0.05)
    assert alive(somebody)


def test_children_end_too_when_their_leader_is_stopped(leader):
    parent = leader(PARENT)
    assert stop_group(parent) is True
    with pytest.raises(ProcessLookupError):
        os.killpg(parent.pid, 0)


def test_group_is_killed_when_it_does_not_listen(leader):
    stubborn = leader(STUBBORN)
    assert stop_group(stubborn, patience=0.3) is True
    assert not alive(stubborn)


def test_nobody_is_found_when_the_process_has_ended(leader):
    ended = leader(SLEEPER)
    os.kill(ended.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while identify(ended.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert identify(ended.pid) is None
