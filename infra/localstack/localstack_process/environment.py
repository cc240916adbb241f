"""One execution environment: starts, times, ends and restarts the function's process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localstack_process import faults
from localstack_process.faults import Fault, InitError
from localstack_process.handover import RESPONSE_LIMIT, Invocation, NotTakenError, Reply
from localstack_process.logs import LogBuffer, Report, assemble, init_report_line
from localstack_process.runtime import Runtime

if TYPE_CHECKING:
    from localstack_process.launch import Launch


@dataclass(frozen=True)
class Limits:
    """What the function and the machine allow.

    Attributes:
        timeout_s: The function's timeout in seconds.
        init_timeout_s: How long the first initialisation may take, in seconds.
        memory_mb: What the function is configured with; it is reported, not enforced.
        log_bytes: What one invocation may log.
        response_bytes: What one answer may have.
    """

    timeout_s: float
    init_timeout_s: float
    memory_mb: int
    log_bytes: int
    response_bytes: int = RESPONSE_LIMIT


@dataclass(frozen=True)
class Outcome:
    """What an invocation leaves: the payload for the caller, and its log."""

    payload: bytes
    is_error: bool
    log: str


class Environment:
    """Runs one invocation at a time, in a process that is kept between them.

    A process that crashed or was killed for its timeout is started again by the next
    invocation, within that invocation's time, as AWS does.
    """

    def __init__(self, launch: Launch, version: str, limits: Limits) -> None:
        self._launch = launch
        self._version = version
        self._limits = limits
        self._log = LogBuffer(limits.log_bytes)
        self._turn = threading.Lock()
        self._runtime: Runtime | None = None
        self._stopped = False
        self._init_ms: float | None = None

    def start(self) -> Fault | None:
        """Initialise the function before its first invocation.

        Returns:
            Why it failed, or None. A failed initialisation, and one that takes too long, is
            broken off and tried again within the first invocation, as AWS does.
        """
        with self._turn:
            began = time.monotonic()
            runtime = self._spawn()
            try:
                runtime.wait_ready(began + self._limits.init_timeout_s)
            except InitError as error:
                self._init_failed(began, "error", error.fault.kind)
                return error.fault
            except TimeoutError:
                self._init_failed(began, "timeout")
            else:
                runtime.peak_mb()
                self._init_ms = _since(began)
            return None

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; whatever happens to the function, there is an outcome."""
        with self._turn:
            if self._runtime and self._runtime.alive:
                self._runtime.flush()
            early = self._log.take()
            began = time.monotonic()
            reply = self._reply(invocation, began + self._limits.timeout_s)
            report = self._report(invocation.request_id, _since(began), reply.fault)
            log = assemble(early, self._output(), self._version, report)
            return Outcome(reply.payload, reply.fault is not None, log)

    def stop(self) -> None:
        """End the process, even in the middle of an invocation."""
        self._stopped = True
        if runtime := self._runtime:
            runtime.kill()

    def recent_log(self) -> str:
        """The end of what the function wrote, for whoever looks for a cause."""
        return self._log.recent()

    def _reply(self, invocation: Invocation, until: float) -> Reply:
        try:
            try:
                return self._living().invoke(invocation, until)
            except NotTakenError:  # that process was on its way out
                return self._living().invoke(invocation, until)
        except NotTakenError as error:
            fault = error.fault
        except TimeoutError:
            self._end()
            fault = faults.timed_out(invocation.request_id, self._limits.timeout_s)
        return Reply(fault.document, fault)

    def _living(self) -> Runtime:
        if self._runtime and self._runtime.alive:
            return self._runtime
        self._end()
        return self._spawn()

    def _spawn(self) -> Runtime:
        limit = self._limits.response_bytes
        self._runtime = Runtime(self._launch, self._log, response_limit=limit)
        if self._stopped:  # `stop` may have come just before there was something to kill
            self._runtime.kill()
        return self._runtime

    def _end(self) -> None:
        if self._runtime:
            self._runtime.peak_mb()
            self._runtime.kill()

    def _init_failed(self, began: float, status: str, kind: str | None = None) -> None:
        took = _since(began)
        self._end()
        self._log.append(init_report_line(took, status, kind).encode())

    def _output(self) -> str:
        if self._runtime:
            self._runtime.flush()
        return self._log.take()

    def _report(self, request_id: str, duration_ms: float, fault: Fault | None) -> Report:
        status = kind = None
        if fault and fault.kind == "Sandbox.Timedout":
            status, duration_ms = "timeout", self._limits.timeout_s * 1000
        elif fault and fault.kind.startswith(("Runtime.", "Function.")):
            status, kind = "error", fault.kind
        init_ms, self._init_ms = self._init_ms, None
        return Report(
            request_id=request_id,
            duration_ms=duration_ms,
            memory_mb=self._limits.memory_mb,
            max_memory_mb=self._runtime.peak_mb() if self._runtime else None,
            init_ms=init_ms,
            status=status,
            error_type=kind,
        )


def _since(began: float) -> float:
    return (time.monotonic() - began) * 1000
