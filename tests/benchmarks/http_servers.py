"""Other model servers on loopback, in processes of their own, and the load that they are put under.

They live in an environment of their own, `.venv-servers`, which `sh infra/bootstrap.sh servers`
makes. What they take is the processor's time of all their processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.one_function import ONE_THREAD, ROOT, processor_seconds
from benchmarks.served_models import HANDLERS, ServedModel

ENVIRONMENT = ROOT / ".venv-servers"
PATIENCE = 90.0
MLSERVER, BENTOML = "MLServer", "BentoML"
DEFAULTS, TUNED, GATHERING = "defaults", "tuned", "gathering"
_MLSERVER: dict[str, dict[str, Any]] = {
    DEFAULTS: {},
    TUNED: {
        "debug": False,
        "parallel_workers": 0,
        "gzip_enabled": False,
        "metrics_endpoint": None,
    },
}
_BENTOML = {DEFAULTS: "Default", TUNED: "Tuned", GATHERING: "Gathering"}
_GATHERED = {"max_batch_size": 32, "max_batch_time": 0.01}


class NoServersError(Exception):
    """The environment of the servers is not there."""


@dataclass(frozen=True)
class Plan:
    """How a server is started and asked.

    Attributes:
        name: As the table has it.
        command: Its program and arguments.
        folder: Where it runs.
        environment: Its settings.
        path: Of the request that predicts.
        ready: Of the request that tells that it is up.
    """

    name: str
    command: list[str]
    folder: Path
    environment: Mapping[str, str]
    port: int
    path: str
    ready: str


def mlserver(model: ServedModel, way: str, scratch: Path) -> Plan:
    """MLServer with its scikit-learn runtime."""
    port, grpc, metrics = _free_ports(3)
    folder = scratch / f"mlserver-{way}"
    folder.mkdir(parents=True)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": grpc, "metrics_port": metrics}
    tuning = _MLSERVER[DEFAULTS if way == DEFAULTS else TUNED]
    (folder / "settings.json").write_text(json.dumps({**settings, **tuning}))
    served = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(model.folder / "model.joblib")},
        **(_GATHERED if way == GATHERING else {}),
    }
    (folder / "model-settings.json").write_text(json.dumps(served))
    return Plan(
        f"{MLSERVER}, {way}",
        [_program("mlserver"), "start", "."],
        folder,
        {},
        port,
        "/v2/models/model/infer",
        "/v2/models/model/ready",
    )


def bentoml(model: ServedModel, way: str, scratch: Path) -> Plan:
    """BentoML with a service of a few lines."""
    (port,) = _free_ports(1)
    home = scratch / f"bentoml-{way}"
    home.mkdir(parents=True)
    command = [_program("bentoml"), "serve", f"bento_service:{_BENTOML[way]}"]
    return Plan(
        f"{BENTOML}, {way}",
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        HANDLERS,
        {
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "True",
            "MODEL_FILE": str(model.folder / "model.joblib"),
        },
        port,
        "/predict",
        "/readyz",
    )


def mlserver_body(model: ServedModel, rows: int) -> bytes:
    """Rows for MLServer: the tensors of the protocol; it answers probabilities, as ours does."""
    document = json.loads(model.tensors(rows))
    return json.dumps({**document, "outputs": [{"name": "predict_proba"}]}).encode()


def bentoml_body(model: ServedModel, rows: int) -> bytes:
    """Rows for BentoML: an array of arrays."""
    chosen = [model.rows[index % len(model.rows)] for index in range(rows)]
    return json.dumps({"rows": [list(row.values()) for row in chosen]}).encode()


class HttpServer:
    """A server that is up.

    Raises:
        NoServersError: there is no environment to run it in.
        TimeoutError: it did not come up; its output is the message.
    """

    def __init__(self, plan: Plan, scratch: Path) -> None:
        self.plan = plan
        self._output = scratch / f"{plan.name}.log"
        self._sink = self._output.open("wb")
        self._process = subprocess.Popen(
            plan.command,
            cwd=plan.folder,
            env={
                "PATH": os.pathsep.join([str(ENVIRONMENT / "bin"), os.environ["PATH"]]),
                "HOME": str(scratch),
                "PYTHONDONTWRITEBYTECODE": "1",
                **ONE_THREAD,
                **plan.environment,
            },
            stdout=self._sink,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def processor(self) -> float:
        """Seconds of the processor that all of its processes have taken."""
        return sum(processor_seconds(pid) for pid in _family(self._process.pid))

    def ask(self, body: bytes) -> bytes:
        """The answer to one request."""
        return asyncio.run(load(self.plan.port, self.plan.path, body, 1, 1))

    def repeat(self, body: bytes, times: int, at_once: int) -> float:
        """Seconds of the processor for each of many like requests, so many of them at once."""
        before = self.processor()
        asyncio.run(load(self.plan.port, self.plan.path, body, times, at_once))
        return (self.processor() - before) / times

    def close(self) -> None:
        """End it, with what it has started."""
        family = _family(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in family:
            if _parent_of(pid) == 1 or pid == self._process.pid:
                _end(pid)
        self._sink.close()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                asyncio.run(load(self.plan.port, self.plan.ready, b"", 1, 1))
            except (OSError, RuntimeError, asyncio.IncompleteReadError):
                time.sleep(0.2)
            else:
                return
        self.close()
        raise TimeoutError(self._output.read_text()[-2000:])


async def load(port: int, path: str, body: bytes, times: int, at_once: int) -> bytes:
    """Send like requests over connections that stay open; the last answer.

    Raises:
        RuntimeError: an answer other than 200.
    """
    head = (
        f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    left = iter(range(times))
    answer = b""

    async def talk() -> None:
        nonlocal answer
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            for _ in left:
                writer.write(head + body)
                answer = await _answer(reader)
        finally:
            writer.close()

    await asyncio.gather(*(talk() for _ in range(min(at_once, times))))
    return answer


async def _answer(reader: asyncio.StreamReader) -> bytes:
    status = await reader.readline()
    length, chunked = 0, False
    while (line := (await reader.readline()).strip().lower()) and line:
        name, _, value = line.partition(b":")
        length = int(value) if name == b"content-length" else length
        chunked = chunked or (name == b"transfer-encoding" and b"chunked" in value)
    body = await (_chunks(reader) if chunked else reader.readexactly(length))
    if b" 200 " not in status:
        raise RuntimeError(f"{status.decode()} {body[:500]!r}")
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)


def _program(name: str) -> str:
    program = ENVIRONMENT / "bin" / name
    if not program.exists():
        raise NoServersError("Run `sh infra/bootstrap.sh servers` first.")
    return str(program)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _family(pid: int) -> list[int]:
    """A process and all that come from it."""
    parents = {int(path.name): _parent_of(int(path.name)) for path in _processes()}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent_of(pid: int) -> int:
    """The process that started another; 0 where that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, 9)
