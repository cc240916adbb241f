"""One function in a process of its own, as Lambda runs it: with the real `awslambdaric`.

    with OneFunction(Subject("predict.handler", folder, environment)) as function:
        spent = function.repeat(event, 500)

What a request costs is the processor's time of the whole process, user and system, all threads:
from the moment it was idle to the moment it is idle again. Beside it stands the clock's time from
handing in the event to the answer, in which this process takes part.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from benchmarks.runtime_api import RuntimeApi

ROOT = Path(__file__).parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
REGION = "eu-central-1"
IN_MEMORY = Path(__file__).parent / "handlers" / "in_memory_runtime.py"
_SCHEDULED = 2  # of clockid_t: all threads of a process, those that ended included


@dataclass(frozen=True)
class Subject:
    """What is run.

    Attributes:
        handler: `module.function`.
        folder: Where the module is.
        environment: Its settings, beside those that every function has.
        path: Further folders that modules are found in, before the environment's own.
        flags: Options of the interpreter.
    """

    handler: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[Path] = ()
    flags: Sequence[str] = ()

    def out_of(self, checkout: Path | None) -> Subject:
        """The same function of another checkout; None for this one."""
        if checkout is None:
            return self
        folder = checkout / self.folder.relative_to(ROOT)
        return replace(self, folder=folder, path=[*self.path, checkout / "layers" / "core"])


@dataclass(frozen=True, slots=True)
class Spent:
    """What some requests took, each.

    Attributes:
        processor: Seconds of the processor for one.
        clock: Seconds from event to answer of one; of several the middle one.
    """

    processor: float
    clock: float


class OneFunction:
    """A process that is up and waits for events.

    Args:
        subject: What runs in it.
        output: Where it writes to; nowhere where left out.
    """

    def __init__(self, subject: Subject, output: Path | None = None) -> None:
        self.api = RuntimeApi()
        self._sink = (output or Path(os.devnull)).open("wb")
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *subject.flags, "-m", "awslambdaric", subject.handler],
            cwd=subject.folder,
            env=_environment(subject, self.api.address),
            stdout=self._sink,
            stderr=subprocess.STDOUT,
        )
        self._up = False

    def __enter__(self) -> OneFunction:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def first(self, event: bytes) -> tuple[bytes, Spent]:
        """The first answer, and what it took since the process was started."""
        self.api.put(event)
        answer = self.api.answer()
        clock = time.perf_counter() - self._started
        self.api.wait_until_idle()  # for the event that was there already
        self.api.wait_until_idle()
        self._up = True
        return answer, Spent(processor_seconds(self._process.pid), clock)

    def ask(self, event: bytes) -> bytes:
        """The answer to an event; the process is idle again when it is there."""
        if not self._up:
            self.api.wait_until_idle()
            self._up = True
        self.api.put(event)
        answer = self.api.answer()
        self.api.wait_until_idle()
        return answer

    def repeat(self, event: bytes, times: int) -> Spent:
        """What each of many like requests takes."""
        clocks = []
        before = processor_seconds(self._process.pid)
        for _ in range(times):
            started = time.perf_counter()
            self.api.put(event)
            self.api.answer()
            clocks.append(time.perf_counter() - started)
            self.api.wait_until_idle()
        spent = processor_seconds(self._process.pid) - before
        return Spent(spent / times, sorted(clocks)[len(clocks) // 2])

    def processor(self) -> float:
        """Seconds of the processor so far."""
        return processor_seconds(self._process.pid)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self.api.close()
        self._sink.close()


class InMemoryFunction:
    """The same without HTTP: from the bytes of an event to those of the answer.

    All of `awslambdaric` but its client of the Runtime API, whose part is the same for everybody.
    """

    def __init__(self, subject: Subject) -> None:
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, *subject.flags, str(IN_MEMORY), subject.handler, str(writing)],
            cwd=subject.folder,
            env=_environment(subject, ""),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[writing],
        )
        os.close(writing)
        self._replies = os.fdopen(reading, "rb")

    def __enter__(self) -> InMemoryFunction:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._replies.close()

    def ask(self, event: bytes) -> bytes:
        """The answer to an event."""
        return self._ask(event, 1)[1]

    def repeat(self, event: bytes, times: int) -> float:
        """Seconds of the processor that each of many like requests takes."""
        return self._ask(event, times)[0]

    def _ask(self, event: bytes, times: int) -> tuple[float, bytes]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{len(event)} {times}\n".encode() + event)
        self._process.stdin.flush()
        seconds, length = self._replies.readline().split()
        return float(seconds), self._replies.read(int(length))


def processor_seconds(pid: int) -> float:
    """User and system time of a process that runs; see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def _environment(subject: Subject, address: str) -> dict[str, str]:
    path = [*subject.path, ROOT / "layers" / "core"]
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "LAMBDA_TASK_ROOT": str(subject.folder),
        **({"AWS_LAMBDA_RUNTIME_API": address} if address else {}),
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_METRICS_NAMESPACE": "Servery",
        **ONE_THREAD,
        **subject.environment,
    }
