"""The local cloud: MiniStack as a process group of its own, on the loopback interface only."""

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
from devkit.instances import ROOT, read_record
from devkit.processes import Identity, alive, identify, stop_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from devkit.instances import Instance

HOST = "127.0.0.1"
USUAL_PORT = 4566
_START_SECONDS = 60.0
_KEPT = ("LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START")


@dataclass(frozen=True)
class Cloud:
    """A running local cloud."""

    process: Identity
    port: int

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
        cloud = Cloud(Identity(int(record["pid"]), str(record["born"])), int(record["port"]))
    except (KeyError, TypeError, ValueError):
        return None
    return cloud if alive(cloud.process) else None


def healthy(cloud: Cloud, seconds: float = 2.0) -> bool:
    """Whether the cloud answers."""
    try:
        with httpx.Client(trust_env=False, timeout=seconds) as http:
            return http.get(f"{cloud.endpoint_url}/_ministack/health").is_success
    except httpx.HTTPError:
        return False


def environment(folder: Path, port: int, given: Mapping[str, str]) -> dict[str, str]:
    """What the cloud, and so every function in it, sees of the `given` environment.

    Nothing of the caller's AWS settings, proxies or Docker gets in. PYTHONDONTWRITEBYTECODE is
    left out on purpose: every new worker would compile the libraries again.
    """
    kept = {name: given[name] for name in _KEPT if name in given}
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), given.get("PATH", os.defpath)])
    return kept | {
        "PATH": path,
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "AUTH": "true",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }


def start(instance: Instance, port: int) -> Cloud:
    """Start a cloud and return at once; `wait` for it before the first call."""
    instance.cloud_record.unlink(missing_ok=True)
    (instance.folder / "tmp").mkdir(parents=True, exist_ok=True)
    with instance.cloud_log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "devkit.launch", str(instance.cloud_record), str(port)],
            cwd=instance.folder,
            env=environment(instance.folder, port, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    born = identify(process.pid)
    if born is None:
        raise _did_not_start(instance)
    return Cloud(born, port)


def wait(instance: Instance, cloud: Cloud, *, seconds: float = _START_SECONDS) -> None:
    """Wait until the cloud answers.

    Raises:
        DevkitError: it ended, or did not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not healthy(cloud):
        if not alive(cloud.process) or time.monotonic() > deadline:
            raise _did_not_start(instance)
        time.sleep(0.05)


def stop(instance: Instance) -> bool:
    """Stop the recorded cloud; False where none runs. What it wrote is left in place."""
    cloud = running(instance)
    stopped = cloud is not None and stop_group(cloud.process)
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
