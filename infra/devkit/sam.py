"""The SAM commands, as anybody would type them: `sam build` and `sam deploy`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from devkit.errors import DevkitError
from devkit.instances import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from devkit.instances import Instance
    from devkit.target import Target

BIN = ROOT / ".venv" / "bin"
_KEPT = ("LANG", "LC_ALL", "HOME", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LD_LIBRARY_PATH")
_NOISE = (
    "update available",
    "To download:",
    "Commands you can use",
    "[*]",
    "skipping upload",
    "===",
)
_SHOWN_LINES = 12
_LAYERS_ARE_FOR = {"Architecture": "ARCHITECTURE", "LambdaRuntime": "LAMBDA_RUNTIME"}


def runtime() -> str:
    """The Lambda runtime that is this interpreter."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def build(
    instance: Instance,
    target: Target,
    parameters: Mapping[str, str],
    *,
    held: int,
    own_packages: bool = False,
) -> None:
    """Build functions and layers into the instance's folder.

    Args:
        instance: Whose folder.
        target: What for.
        parameters: Of the template.
        held: The instance's lock, which the command holds as long as it runs.
        own_packages: Leave third-party packages out of the layers, since functions see those of
            this project's environment there.

    Raises:
        DevkitError: the build failed; with the end of what it said.
    """
    instance.sam_log.write_text("")
    # Not --cached: SAM looks at a layer's own folder only, and the versions are in the lock.
    command = ["build", "--template-file", str(ROOT / "template.yaml"), "--parallel"]
    command += ["--build-dir", str(_build(instance)), *_overrides(parameters)]
    layers = {"SERVERY_LAYERS": "local" if own_packages else "target", **layers_for(parameters)}
    _run(command, instance, target, held, more=layers)


def deploy(
    instance: Instance,
    target: Target,
    parameters: Mapping[str, str],
    *,
    bucket: str | None,
    tags: Mapping[str, str],
    held: int,
    seconds: float,
) -> None:
    """Deploy what was built.

    Args:
        instance: Whose build.
        target: Where to.
        parameters: Of the template.
        bucket: Where packages are uploaded; None lets SAM keep one of its own.
        tags: On the stack and everything in it.
        held: See `build`.
        seconds: How long it may take.

    Raises:
        DevkitError: the deploy failed or took too long; with the end of what it said.
    """
    command = ["deploy", "--template-file", str(_build(instance) / "template.yaml")]
    command += ["--stack-name", target.stack, "--region", target.region]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    command += ["--s3-bucket", bucket] if bucket else ["--resolve-s3"]
    command += ["--tags", *(f"{name}={value}" for name, value in tags.items())]
    command += _overrides(parameters)
    _run(command, instance, target, held, seconds=seconds)


def _build(instance: Instance) -> Path:
    return instance.folder / "build"


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f'{n}="{v}"' for n, v in sorted(parameters.items()))]


def layers_for(parameters: Mapping[str, str]) -> dict[str, str]:
    """What the build of the layers is told of the template's parameters."""
    return {v: parameters[p] for p, v in _LAYERS_ARE_FOR.items() if p in parameters}


def _environment(instance: Instance, target: Target) -> dict[str, str]:
    settings = instance.folder / "sam"
    settings.mkdir(parents=True, exist_ok=True)
    # SAM asks PyPI for its newest version once a week; say that it just has.
    checked = {"lastVersionCheck": time.time(), "telemetryEnabled": False}
    (settings / "metadata.json").write_text(json.dumps(checked))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return (
        kept
        | target.environment()
        | {
            "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2" if target.local else "2",
            "__SAM_CLI_APP_DIR": str(settings),
        }
    )


def _run(
    command: Sequence[str],
    instance: Instance,
    target: Target,
    held: int,
    *,
    more: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> None:
    with instance.sam_log.open("a") as log:
        log.write(f"$ sam {' '.join(command)}\n")
        log.flush()
        try:
            ended = subprocess.run(
                [str(BIN / "sam"), *command],
                cwd=ROOT,
                env=_environment(instance, target) | dict(more or {}),
                stdin=subprocess.DEVNULL,
                pass_fds=(held,),
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            failure = f"`sam {command[0]}` did not end within {seconds:.0f} s."
        else:
            failure = f"`sam {command[0]}` failed." if ended.returncode != 0 else ""
    if failure:
        raise DevkitError(
            failure,
            f"All that it said is in {instance.sam_log}.",
            tail(instance.sam_log.read_text(errors="replace")),
        )


def tail(log: str) -> tuple[str, ...]:
    """The end of what the last command said, without what does not matter."""
    lines = [x.rstrip() for x in log.rpartition("$ sam ")[2].splitlines()[1:] if x.strip()]
    told = [x for x in lines if not any(noise in x for noise in _NOISE)]
    return tuple(told[-_SHOWN_LINES:])
