"""`servery deploy`: the same build and deploy on AWS, after a look at what is missing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devkit import choice, deployments, sam, sources, stack
from devkit.errors import DevkitError, UsageError
from devkit.instances import AWS, ROOT, write_record
from devkit.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devkit.deployments import Deployed
    from devkit.instances import Instance
    from devkit.screen import Screen

_DEPLOY_SECONDS = 3600.0
_SUPPORTED = ("python3.11", "python3.12", "python3.13", "python3.14")


@dataclass(frozen=True)
class Check:
    """One thing that a deploy needs.

    Attributes:
        name: What it is.
        fine: Whether it is there.
        said: What was found, or what to do.
    """

    name: str
    fine: bool
    said: str


def preflight(target: Target) -> list[Check]:
    """Look at everything that a deploy to AWS needs; nothing is changed."""
    checks = [_runtime(), _region(target)]
    if not target.region:
        return checks
    checks.append(_attempt("credentials", lambda: _caller(target), "Set them up: aws configure"))
    if checks[-1].fine:
        checks.append(
            _attempt(
                "stack",
                lambda: _stack(target),
                "The credentials need cloudformation:DescribeStacks and what the template creates.",
            )
        )
    return checks


def require(screen: Screen, target: Target) -> None:
    """Show the preflight.

    Raises:
        DevkitError: something is missing; the lines above say what to do.
    """
    checks = preflight(target)
    for check in checks:
        screen.say(f"{'✓' if check.fine else '✗'} {check.name:<12} {check.said}")
    if missing := [check.name for check in checks if not check.fine]:
        raise DevkitError(
            f"Not ready for a deploy: {', '.join(missing)}.", "Nothing was changed on AWS."
        )


def read_parameters(given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs.

    Raises:
        UsageError: one is no such pair.
    """
    pairs = [text.partition("=") for text in given]
    if any(not name or not sign for name, sign, _ in pairs):
        raise UsageError("A parameter is NAME=VALUE.", "For example: -p AlarmEmail=me@example.org")
    return {name: value for name, _, value in pairs}


def deploy(
    instance: Instance, screen: Screen, target: Target, parameters: dict[str, str]
) -> Deployed:
    """Build for Lambda, deploy, and remember what is there.

    Raises:
        DevkitError: a step failed.
    """
    given = {"LambdaRuntime": sam.runtime(), **parameters}
    with instance.locked(lambda: screen.say("Waiting: another deploy is under way")) as held:
        choice.remember(instance, choice.Choice(AWS, None, target.stack))
        known = deployments.recorded(instance)
        with screen.phase("sam build") as phase:
            sam.build(instance, target, given, held=held)
            phase.detail = "functions and layers for Lambda"
        with screen.phase("sam deploy"):
            stack.make_deployable(target)
            sam.deploy(
                instance,
                target,
                given,
                bucket=None,
                tags=dict([stack.TAG]),
                held=held,
                seconds=_DEPLOY_SECONDS,
            )
        deployed = dataclasses.replace(
            stack.facts(target),
            digest=sources.digest(ROOT, given),
            roll_pending=known is not None,
        )
        write_record(instance.stack_record, deployed.as_record())
    return deployed


def default_region(profile: str | None) -> str:
    """The region that the caller's AWS settings name; empty where they name none."""
    import boto3  # noqa: PLC0415
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415

    if "AWS_REGION" in os.environ:
        return os.environ["AWS_REGION"]
    with contextlib.suppress(ProfileNotFound):
        return boto3.Session(profile_name=profile).region_name or ""
    return ""


def _attempt(name: str, look: Callable[[], str], advice: str) -> Check:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return Check(name, fine=True, said=look())
    except (BotoCoreError, ClientError, DevkitError) as error:
        return Check(name, fine=False, said=f"{error} {advice}".strip())


def _runtime() -> Check:
    own = sam.runtime()
    fine = own in _SUPPORTED
    return Check("python", fine, own if fine else f"{own} is no Lambda runtime: use 3.13")


def _region(target: Target) -> Check:
    said = target.region or "Name one: --region eu-central-1, or AWS_REGION"
    return Check("region", bool(target.region), said)


def _caller(target: Target) -> str:
    identity: dict[str, Any] = target.client("sts").get_caller_identity()
    return f"{identity['Arn']} in account {identity['Account']}"


def _stack(target: Target) -> str:
    found = stack.describe(target)
    if found is None:
        return f"{target.stack} will be created"
    if not stack.ours(found):
        raise DevkitError(
            f"There is a stack {target.stack} that Servery did not create; it stays untouched. "
            "Choose another name with --stack."
        )
    return f"{target.stack} is there ({found['StackStatus']}) and will be updated"
