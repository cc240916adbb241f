"""The life of an environment, with real processes that talk to the Runtime API."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localstack_process.environment import Environment, Limits
from localstack_process.handover import Invocation
from localstack_process.launch import Launch

# What awslambdaric does, in a few lines: `act` is the handler, and is given by each test.
RUNTIME = """
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
prefix = "/2018-06-01/runtime/"
def post(path, body):
    api.request("POST", prefix + path, json.dumps(body))
    api.getresponse().read()
{init}
while True:
    api.request("GET", prefix + "invocation/next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
{act}
    post(f"invocation/{{request_id}}/response", event)
"""

Make = Callable[..., Environment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Environment] = []

    def environment(
        init: str = "", act: str = "", timeout_s: float = 20, init_timeout_s: float = 20
    ) -> Environment:
        script = tmp_path / "runtime.py"
        code = textwrap.indent(textwrap.dedent(act), "    ")
        script.write_text(RUNTIME.format(init=textwrap.dedent(init), act=code))
        start = Launch([sys.executable, "-u", "-S", str(script)], tmp_path, {})
        limits = Limits(timeout_s, init_timeout_s, memory_mb=128, log_bytes=10_000)
        made.append(Environment(start, "3", limits))
        return made[-1]

    yield environment
    for one in made:
        one.stop()


def event(payload: object, request_id: str = "id-1") -> Invocation:
    return Invocation(request_id, "arn", "trace", json.dumps(payload).encode(), 0)


def test_log_is_complete_and_ordered_when_the_first_invocation_ends(make: Make) -> None:
    environment = make('print("init said")', 'print("act said", file=sys.stderr)')
    assert environment.start() is None
    outcome = environment.invoke(event([1]))
    assert (json.loads(outcome.payload), outcome.is_error) == ([1], False)
    lines = outcome.log.splitlines()
    assert lines[:4] == [
        "init said",
        "START RequestId: id-1 Version: 3",
        "act said",
        "END RequestId: id-1",
    ]
    assert "\tInit Duration: " in lines[4]
    second = environment.invoke(event(2, "id-2")).log.splitlines()
    assert second[0] == "START RequestId: id-2 Version: 3"
    assert "Init Duration" not in second[-1]


def test_memory_is_measured_when_a_function_uses_it(make: Make) -> None:
    environment = make(act="filled = b'x' * event * 2**20")
    environment.start()
    small, large = (
        int(re.search(r"Max Memory Used: (\d+) MB", environment.invoke(event(size)).log)[1])
        for size in (1, 60)
    )
    assert 50 < large - small < 80


def test_function_is_ended_and_starts_anew_when_it_takes_too_long(make: Make) -> None:
    act = """
        print("working", flush=True)
        if event == "slow": time.sleep(60)
        event = os.getpid()
    """
    environment = make(act=act, timeout_s=1)
    environment.start()
    before = environment.invoke(event("fast")).payload
    began = time.monotonic()
    outcome = environment.invoke(event("slow"))
    assert time.monotonic() - began < 5
    assert json.loads(outcome.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
    }
    assert "working\nEND RequestId: id-1\n" in outcome.log
    assert "Duration: 1000.00 ms\tBilled Duration: 1000 ms" in outcome.log
    assert "Max Memory Used" in outcome.log
    after = environment.invoke(event("fast"))
    assert not after.is_error
    assert after.payload != before


def test_exit_status_is_told_and_the_function_recovers_when_it_exits(make: Make) -> None:
    environment = make(act='print("last words"); event == "die" and os._exit(5)')
    environment.start()
    outcome = environment.invoke(event("die"))
    assert json.loads(outcome.payload)["errorMessage"].endswith("exit status 5")
    assert "last words\nEND" in outcome.log
    assert outcome.log.endswith("Status: error\tError Type: Runtime.ExitError\t\n")
    assert environment.invoke(event("live")).payload == b'"live"'


def test_signal_is_told_when_the_process_is_killed(make: Make) -> None:
    environment = make(act="os.kill(os.getpid(), 9)")
    environment.start()
    message = json.loads(environment.invoke(event(1)).payload)["errorMessage"]
    assert message.endswith("Runtime exited with error: signal: killed")


def test_process_that_died_unasked_is_replaced_when_the_next_invocation_comes(
    make: Make,
) -> None:
    act = "post(f'invocation/{request_id}/response', event); os._exit(1)"
    environment = make(act=act)
    environment.start()
    for number in range(3):
        outcome = environment.invoke(event(number))
        assert (json.loads(outcome.payload), outcome.is_error) == (number, False)


def test_init_error_is_returned_and_answered_when_initialisation_fails(make: Make) -> None:
    init = """
        print("trying")
        post("init/error", {"errorType": "Runtime.ImportModuleError", "errorMessage": "none"})
        sys.exit(1)
    """
    environment = make(init)
    fault = environment.start()
    assert fault is not None
    assert fault.kind == "Runtime.ImportModuleError"
    outcome = environment.invoke(event(1))
    assert outcome.is_error
    assert json.loads(outcome.payload)["errorMessage"] == "none"
    assert outcome.log.startswith("trying\nINIT_REPORT Init Duration: ")
    assert "START RequestId: id-1 Version: 3\ntrying\nEND" in outcome.log


def test_first_invocation_is_named_when_the_process_exits_while_it_initialises(
    make: Make,
) -> None:
    environment = make("os._exit(2)")
    assert environment.start() is not None
    message = json.loads(environment.invoke(event(1)).payload)["errorMessage"]
    assert message == "RequestId: id-1 Error: Runtime exited with error: exit status 2"


def test_initialisation_is_tried_again_when_it_took_too_long(make: Make, tmp_path: Path) -> None:
    init = f"""
        import pathlib
        tried = pathlib.Path({str(tmp_path / "tried")!r})
        if not tried.exists():
            tried.touch()
            time.sleep(60)
    """
    environment = make(init, init_timeout_s=1)
    assert environment.start() is None
    outcome = environment.invoke(event("here"))
    assert outcome.payload == b'"here"'
    assert "\tPhase: init\tStatus: timeout\nSTART" in outcome.log
    assert "Init Duration" not in outcome.log.splitlines()[-1]


def test_time_runs_out_when_the_second_initialisation_takes_too_long(make: Make) -> None:
    environment = make("time.sleep(60)", timeout_s=0.5, init_timeout_s=0.5)
    environment.start()
    assert json.loads(environment.invoke(event(1)).payload)["errorType"] == "Sandbox.Timedout"


def test_log_is_bounded_when_a_function_writes_without_end(make: Make) -> None:
    environment = make(act='for number in range(20000): print("line", number)')
    environment.start()
    log = environment.invoke(event(1)).log
    assert len(log) < 11_000
    assert "line 0\n" in log
    assert re.search(r"\n\[\d+ bytes of log left out, over the limit of 10000\]\nEND", log)


def test_invocation_ends_when_the_environment_is_stopped(make: Make) -> None:
    environment = make(act="print('in the middle', flush=True); time.sleep(60)")
    environment.start()
    outcomes = []
    invoking = threading.Thread(target=lambda: outcomes.append(environment.invoke(event(1))))
    invoking.start()
    until = time.monotonic() + 10
    while "in the middle" not in environment.recent_log() and time.monotonic() < until:
        time.sleep(0.01)
    environment.stop()
    invoking.join(timeout=10)
    assert outcomes[0].is_error
