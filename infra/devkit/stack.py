"""The stack in CloudFormation: its state, its outputs, and the names of everything in it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from devkit.deployments import Deployed
from devkit.errors import DevkitError
from devkit.instances import AWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devkit.kinds import Kind
    from devkit.target import Target

_EXECUTE_API = re.compile(r"https://(?P<api>[a-z0-9]+)\.execute-api\.[^/]+/(?P<rest>.*)")
_KINDS = {
    "buckets": "AWS::S3::Bucket",
    "tables": "AWS::DynamoDB::Table",
    "state_machines": "AWS::StepFunctions::StateMachine",
    "functions": "AWS::Lambda::Function",
}
_UNUSABLE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


def local_url(url: str, endpoint_url: str, kind: Kind, host: str | None = None) -> str:
    """The address, on a local cloud, of what AWS would serve under `url`.

    Args:
        url: `https://{api}.execute-api.{region}.amazonaws.com/{stage}[/...]`; a local cloud may
            say another domain.
        endpoint_url: Of the local cloud.
        kind: What the local cloud runs.
        host: Another name of the same machine, which makes it another origin.
    """
    found = _EXECUTE_API.fullmatch(url)
    if found is None:
        return url
    stage, _, path = found["rest"].partition("/")
    base = re.sub(r"//[^:/]+", f"//{host}", endpoint_url) if host else endpoint_url
    return f"{base}{kind.api_path.format(api=found['api'], stage=stage)}/{path}"


def status(target: Target) -> str | None:
    """CloudFormation's status of the stack; None where there is no stack."""
    described = describe(target)
    return None if described is None else str(described["StackStatus"])


TAG = ("created-by", "servery")


def ours(described: Mapping[str, Any]) -> bool:
    """Whether a stack, as CloudFormation describes it, was created by this project's commands."""
    return {"Key": TAG[0], "Value": TAG[1]} in described.get("Tags", [])


def make_deployable(target: Target, *, seconds: float = 180.0) -> None:
    """Wait for what an interrupted deploy left running; clear away what cannot be updated.

    Raises:
        DevkitError: it stays busy, or it is on AWS, where nothing is cleared away unasked.
    """
    deadline = time.monotonic() + seconds
    while (state := status(target)) is not None:
        busy = state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS"
        if not busy and state not in _UNUSABLE:
            return
        if not target.local:
            raise DevkitError(
                f"The stack {target.stack} is in the state {state}.",
                "Wait until it is done."
                if busy
                else f"Look why, then: aws cloudformation delete-stack --stack-name {target.stack}",
            )
        if time.monotonic() > deadline:
            raise DevkitError(f"The stack stays in the state {state}.", "Run: servery down")
        if not busy:
            target.client("cloudformation").delete_stack(StackName=target.stack)
        time.sleep(0.2)


def delete(target: Target, *, seconds: float) -> None:
    """Delete the stack with what is in its buckets, and wait until it is gone.

    Raises:
        DevkitError: it is still there after so many seconds, or could not be deleted.
    """
    for bucket in _resources(target)["buckets"].values():
        _empty(target, bucket)
    target.client("cloudformation").delete_stack(StackName=target.stack)
    deadline = time.monotonic() + seconds
    while (state := status(target)) is not None:
        if state == "DELETE_FAILED" or time.monotonic() > deadline:
            raise DevkitError(f"The stack {target.stack} could not be deleted: it is {state}.")
        time.sleep(0.5)


def _empty(target: Target, bucket: str) -> None:
    client = target.client("s3")
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in ("Versions", "DeleteMarkers"):
            for one in page.get(kind, []):
                client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def facts(target: Target, kind: Kind | None = None) -> Deployed:
    """Read a stack's outputs and resources.

    Args:
        target: Where it is.
        kind: What the local cloud runs; None on AWS.

    Raises:
        DevkitError: there is no such stack.
    """
    described = describe(target)
    if described is None:
        raise DevkitError(f"There is no stack {target.stack} in {target.region}.")
    outputs = {o["OutputKey"]: str(o["OutputValue"]) for o in described.get("Outputs", [])}
    api_url, web_url = outputs.get("ApiUrl", ""), outputs.get("WebUrl", "")
    if target.endpoint_url is not None and kind is not None:
        api_url = local_url(api_url, target.endpoint_url, kind)
        web_url = local_url(web_url, target.endpoint_url, kind, host="localhost")
    named = _resources(target)
    return Deployed(
        region=target.region,
        endpoint_url=target.endpoint_url,
        stack=target.stack,
        api_url=api_url.rstrip("/"),
        web_url=web_url,
        api_key=_api_key(target, outputs),
        outputs=outputs,
        profile=target.profile,
        kind=AWS if kind is None else kind.name,
        buckets=named["buckets"],
        tables=named["tables"],
        state_machines=named["state_machines"],
        functions=named["functions"],
    )


def describe(target: Target) -> Mapping[str, Any] | None:
    """What CloudFormation says of the stack; None where there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        stacks = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return next((s for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"), None)


def _api_key(target: Target, outputs: Mapping[str, str]) -> str:
    if "ApiKeyId" not in outputs:
        return ""
    gateway = target.client("apigateway")
    return str(gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"])


def _resources(target: Target) -> dict[str, dict[str, str]]:
    pages = target.client("cloudformation").get_paginator("list_stack_resources")
    found: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    for page in pages.paginate(StackName=target.stack):
        for resource in page["StackResourceSummaries"]:
            for kind, type_name in _KINDS.items():
                if resource["ResourceType"] == type_name:
                    found[kind][resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
    return found
