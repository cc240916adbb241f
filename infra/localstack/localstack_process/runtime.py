"""One life of a function's process: from its start until it is killed or ends by itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from localstack_process import faults, memory
from localstack_process.handover import RESPONSE_LIMIT, Invocation, Reply
from localstack_process.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from concurrent.futures import Future

    from localstack_process.launch import Launch
    from localstack_process.logs import LogBuffer

_T = TypeVar("_T")
_CHUNK = 65_536
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.25


class Runtime:
    """The process, the Runtime API that it talks to, and the pipe that it writes to."""

    def __init__(
        self, launch: Launch, log: LogBuffer, *, response_limit: int = RESPONSE_LIMIT
    ) -> None:
        """Start the process; what it writes goes to `log`."""
        self._peak_mb: int | None = None
        self._api = RuntimeApi(response_limit=response_limit)
        self._pipe = _LogPipe(log)
        try:
            self._process = subprocess.Popen(
                list(launch.command),
                cwd=launch.folder,
                env={**launch.variables, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=self._pipe.writer,
                stderr=self._pipe.writer,
                start_new_session=True,  # so that what the function starts is killed with it
            )
        except OSError:
            self._api.close()
            raise
        finally:
            self._pipe.release_writer()
        self._pipe.start()
        self._watcher = threading.Thread(target=self._watch, name="runtime-watch", daemon=True)
        self._watcher.start()

    @property
    def alive(self) -> bool:
        """Whether the process can take another invocation."""
        return self._process.poll() is None

    def wait_ready(self, until: float) -> None:
        """Wait until the process asks for its first invocation.

        Args:
            until: When to give up, on the clock of `time.monotonic`.

        Raises:
            InitError: the function cannot be loaded, or the process ended.
            TimeoutError: it takes longer.
        """
        self._wait(self._api.ready, until)

    def invoke(self, invocation: Invocation, until: float) -> Reply:
        """Pass an invocation, to a process that need not be ready yet, and wait for its answer.

        A process that fails to initialise, or that ends meanwhile, is a reply with its fault.

        Raises:
            TimeoutError: there is no answer by `until`; the process still runs.
        """
        return self._wait(self._api.send(invocation), until)

    def peak_mb(self) -> int | None:
        """The highest memory seen so far in MB; None where it cannot be read."""
        now = memory.peak_mb(self._process.pid)
        if now is not None:
            self._peak_mb = max(now, self._peak_mb or 0)
        return self._peak_mb

    def flush(self) -> None:
        """Read what the process has written up to now into the log."""
        self._pipe.drain()

    def kill(self) -> None:
        """End the process and all it started, and free what belonged to it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._watcher.join(timeout=5)
        self._api.close()
        self._pipe.close()

    def _watch(self) -> None:
        code = self._process.wait()
        self._pipe.drain()
        self._api.end(lambda request_id: faults.exited(request_id, code))

    def _wait(self, future: Future[_T], until: float) -> _T:
        pause = _SHORTEST_WAIT_S
        while True:
            remaining = until - time.monotonic()
            try:
                return future.result(timeout=max(0.0, min(pause, remaining)))
            except TimeoutError:
                self.peak_mb()
                if remaining <= pause:
                    raise
                pause = min(2 * pause, _LONGEST_WAIT_S)


class _LogPipe:
    """Moves what arrives in a pipe to a log, in a thread of its own."""

    def __init__(self, log: LogBuffer) -> None:
        self._log = log
        self._reader, self.writer = os.pipe()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="runtime-log", daemon=True)

    def release_writer(self) -> None:
        os.close(self.writer)

    def start(self) -> None:
        self._thread.start()

    def drain(self) -> bool:
        """Read all that is there; False at the end of the pipe."""
        with self._lock:
            while self._reader >= 0:
                try:
                    data = os.read(self._reader, _CHUNK)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self._log.append(data)
        return False

    def close(self) -> None:
        """Stop reading, even if a stray grandchild holds the other end."""
        self.drain()
        with self._lock:
            if self._reader < 0:
                return
            os.write(self._wake_writer, b"x")
        self._thread.join(timeout=2)
        with self._lock:
            for descriptor in (self._reader, self._wake_reader, self._wake_writer):
                os.close(descriptor)
            self._reader = -1

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake_reader in ready or not self.drain():
                return
