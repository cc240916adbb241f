"""The local cloud: a process group of its own, on the loopback interface only.

What it runs is one of `devkit.kinds`; starting, finding and stopping it is the same for all.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from devkit.errors import DevkitError
from devkit.instances import read_record
from devkit.kinds import HOST, LOCAL, MINISTACK
from devkit.processes import Identity, alive, identify, stop_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from devkit.instances import Instance
    from devkit.kinds import Kind

USUAL_PORT = 4566
_STOP_SECONDS = 20.0  # LocalStack takes seven to stop what it started.


@dataclass(frozen=True)
class Cloud:
    """A running local cloud.

    Attributes:
        process: Leader of its process group.
        port: Of the loopback interface.
        kind: What it runs.
    """

    process: Identity
    port: int
    kind: Kind

    @property
    def identity(self) -> str:
        """Tells this run of it from every other one."""
        return f"{self.process.pid} {self.process.born}"

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service of it is."""
        return f"http://{HOST}:{self.port}"


def port_free(port: int) -> bool:
    """Whether a server could listen on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def choose_port(
    wanted: int | None,
    *,
    usual: int | None,
    free: Callable[[int], bool] = port_free,
    anything: Callable[[], int] = any_port,
) -> int:
    """The port to listen on: the one asked for, else the usual one if free, else any.

    Raises:
        DevkitError: the port asked for is taken.
    """
    if wanted is not None:
        if not free(wanted):
            raise DevkitError(
                f"Port {wanted} is taken by another program.",
                "Leave --port out to get a free one.",
            )
        return wanted
    return usual if usual is not None and free(usual) else anything()


def running(instance: Instance) -> Cloud | None:
    """The cloud of an instance, if its process still lives."""
    record = read_record(instance.cloud_record)
    if record is None:
        return None
    try:
        process = Identity(int(record["pid"]), str(record["born"]))
        kind = LOCAL[str(record.get("kind", MINISTACK.name))]
        cloud = Cloud(process, int(record["port"]), kind)
    except (KeyError, TypeError, ValueError):
        return None
    return cloud if alive(cloud.process) else None


def healthy(endpoint_url: str, kind: Kind, seconds: float = 2.0) -> bool:
    """Whether a cloud answers."""
    try:
        with httpx.Client(trust_env=False, timeout=seconds) as http:
            return http.get(f"{endpoint_url}{kind.health}").is_success
    except httpx.HTTPError:
        return False


def start(instance: Instance, kind: Kind, port: int) -> Cloud:
    """Start a cloud and return at once; `wait` for it before the first call."""
    instance.cloud_record.unlink(missing_ok=True)
    (instance.folder / "tmp").mkdir(parents=True, exist_ok=True)
    own = [sys.executable, "-m", "devkit.launch", str(instance.cloud_record), str(port), kind.name]
    with instance.cloud_log.open("a") as log:
        process = subprocess.Popen(
            [*own, *kind.command(instance.folder, port)],
            cwd=instance.folder,
            env=kind.environment(instance.folder, port, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    born = identify(process.pid)
    if born is None:
        raise _did_not_start(instance)
    return Cloud(born, port, kind)


def wait(instance: Instance, cloud: Cloud) -> None:
    """Wait until the cloud answers.

    Raises:
        DevkitError: it ended, or did not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + cloud.kind.start_seconds
    while not healthy(cloud.endpoint_url, cloud.kind):
        if not alive(cloud.process) or time.monotonic() > deadline:
            raise _did_not_start(instance)
        time.sleep(0.05)


def stop(instance: Instance) -> bool:
    """Stop the recorded cloud; False where none runs. What it wrote is left in place."""
    cloud = running(instance)
    stopped = cloud is not None and stop_group(cloud.process, patience=_STOP_SECONDS)
    instance.cloud_record.unlink(missing_ok=True)
    return stopped


def _did_not_start(instance: Instance) -> DevkitError:
    try:
        lines = tuple(instance.cloud_log.read_text(errors="replace").splitlines()[-15:])
    except OSError:
        lines = ()
    return DevkitError(
        "The local cloud did not start.",
        f"Its log is {instance.cloud_log}; run the same command again, or with --port.",
        lines,
    )
