"""The programs that can be the local cloud, as far as they differ from each other."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Protocol

from devkit import localstack
from devkit.errors import UsageError
from devkit.instances import AWS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from devkit.screen import Screen

HOST = "127.0.0.1"
_KEPT = ("LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START")


class Kind(Protocol):
    """One program that can be the local cloud.

    Attributes:
        name: What `--cloud` calls it.
        title: What people read about it.
        health: Path that answers 2xx as soon as it can be used.
        api_path: Where a stage of a REST API is, with `{api}` and `{stage}`; its paths go below.
        start_seconds: How long a start may take on a slow machine.
        deploy_seconds: How long `sam deploy` may take there.
        own_packages: Whether functions see the packages of this project's environment; if not,
            layers are built as for AWS.
        updates_get_stuck: Whether an update may leave a stack that no further deploy can repair.
    """

    name: str
    title: str
    health: str
    api_path: str
    start_seconds: float
    deploy_seconds: float
    own_packages: bool
    updates_get_stuck: bool

    def make_ready(self, screen: Screen) -> None:
        """Install what the program needs; instant when it is there.

        Raises:
            DevkitError: it cannot be installed; the sentence names what is missing.
        """

    def command(self, folder: Path, port: int) -> Sequence[str]:
        """What becomes the cloud."""

    def environment(self, folder: Path, port: int, given: Mapping[str, str]) -> dict[str, str]:
        """What the cloud sees of the `given` environment, and what is set for it."""


class MiniStack:
    """MiniStack, in the environment of this project; enforces IAM."""

    name = "ministack"
    title = "MiniStack, IAM enforced"
    health = "/_ministack/health"
    api_path = "/restapis/{api}/{stage}/_user_request_"
    start_seconds = 60.0
    deploy_seconds = 1200.0
    own_packages = True
    updates_get_stuck = False

    def make_ready(self, screen: Screen) -> None:
        """Nothing to do: it came with the project's environment."""

    def command(self, folder: Path, port: int) -> Sequence[str]:  # noqa: ARG002 - settings say it
        """The program, with what it lacks; see `devkit.ministack`."""
        return [sys.executable, "-m", "devkit.ministack"]

    def environment(self, folder: Path, port: int, given: Mapping[str, str]) -> dict[str, str]:
        """Every function inherits these as well."""
        path = os.pathsep.join([str(ROOT / ".venv" / "bin"), given.get("PATH", os.defpath)])
        return _private(folder, given) | {
            "PATH": path,
            "TMPDIR": str(folder / "tmp"),
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "AUTH": "true",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }


class LocalStack:
    """LocalStack without Docker, in an environment of its own; functions get the real layers."""

    name = "localstack"
    title = "LocalStack, IAM not enforced"
    health = "/_localstack/health"
    api_path = "/_aws/execute-api/{api}/{stage}"
    start_seconds = 120.0
    deploy_seconds = 1200.0
    own_packages = False
    updates_get_stuck = True

    def make_ready(self, screen: Screen) -> None:
        """Make its environment from its lock.

        Raises:
            DevkitError: there is no Python 3.13, or the packages cannot be installed.
        """
        localstack.make_environment(screen)

    def command(self, folder: Path, port: int) -> Sequence[str]:
        """LocalStack with the executor of `infra/localstack`."""
        return [str(localstack.PROGRAM), "--port", str(port), "--data", str(folder / "localstack")]

    def environment(self, folder: Path, port: int, given: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG002
        """Functions see nothing of it; `localstack-process` sets the rest.

        The temporary folder is chosen by `localstack-process` too: TMPDIR would be taken for one
        of LocalStack's own settings.
        """
        named = {name: given[name] for name in given if name.startswith("LAMBDA_PROCESS_")}
        # An initialisation may take long while other functions start on the same cores.
        patient = {"LAMBDA_PROCESS_INIT_TIMEOUT": "30", "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "40"}
        return _private(folder, given) | patient | localstack.interpreters(given) | named


MINISTACK: Kind = MiniStack()
LOCALSTACK: Kind = LocalStack()
LOCAL: dict[str, Kind] = {kind.name: kind for kind in (MINISTACK, LOCALSTACK)}


def kind(name: str) -> Kind:
    """The program of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in LOCAL:
        raise UsageError(f"There is no cloud {name!r}.", f"Say {', '.join(LOCAL)} or {AWS}.")
    return LOCAL[name]


def architecture() -> str:
    """This machine's processor, as Lambda calls it."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def _private(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's AWS settings, proxies or Docker.

    PYTHONDONTWRITEBYTECODE is left out on purpose: every start would compile the libraries again.
    """
    kept = {name: given[name] for name in _KEPT if name in given}
    return kept | {
        "HOME": str(folder),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }
