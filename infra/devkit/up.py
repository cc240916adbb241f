"""`servery up`: from nothing, or from whatever an interruption left, to a deployed stack."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from devkit import cloud, releases, sam, sources, stack, views
from devkit.api import api
from devkit.errors import DevkitError
from devkit.instances import ROOT, write_record
from devkit.target import LOCAL_REGION

if TYPE_CHECKING:
    from devkit.cloud import Cloud
    from devkit.instances import Instance
    from devkit.screen import Screen
    from devkit.stack import Deployed
    from devkit.target import Target

_UPLOADS = "servery-deploy"


def bring_up(
    instance: Instance, screen: Screen, *, port: int | None = None, force: bool = False
) -> Deployed:
    """Start the cloud if it does not run, and deploy unless nothing changed.

    Model servers are not rolled here; `Deployed.roll_pending` says whether they should be.

    Raises:
        DevkitError: a step failed; the same call again goes on from there.
    """
    with instance.locked(
        lambda: screen.say(f"Waiting: another command works on {instance.name}")
    ) as held:
        known = stack.recorded(instance)
        running, fresh = _start(instance, screen, port)
        target = stack.local_target(running.endpoint_url, LOCAL_REGION)
        parameters = _parameters(running)
        digest = sources.digest(ROOT, parameters)
        name = f"{running.process.pid} {running.process.born}"
        if known is not None and known.cloud != name:
            known = None
        if known is not None and known.digest == digest and not force:
            screen.done("Deploy", "nothing changed since the last one")
            return known
        with screen.phase("sam build") as phase:
            sam.build(instance, target, parameters, held=held)
            phase.detail = "functions and layers"
        if fresh:
            with screen.phase("Local cloud") as phase:
                cloud.wait(instance, running)
                phase.detail = f"{running.endpoint_url}, IAM enforced"
        with screen.phase("sam deploy") as phase:
            _deploy(instance, target, parameters, held)
            deployed = dataclasses.replace(
                stack.facts(target), digest=digest, cloud=name, roll_pending=known is not None
            )
            phase.detail = f"stack {target.stack}, {len(deployed.functions)} functions"
        write_record(instance.stack_record, deployed.as_record())
        return deployed


def rolled(instance: Instance, deployed: Deployed) -> Deployed:
    """Write down that every serving model server runs the deployed code."""
    settled = dataclasses.replace(deployed, roll_pending=False)
    write_record(instance.stack_record, settled.as_record())
    return settled


def roll_if_pending(instance: Instance, deployed: Deployed, screen: Screen) -> Deployed:
    """After a deploy of new code: move the serving model servers onto it, one by one.

    Raises:
        DevkitError: one could not be moved; the next `up` tries again.
    """
    if not deployed.roll_pending:
        return deployed
    with api(deployed) as http:
        releases.roll_all(http, views.released(views.models(http)), screen)
    return rolled(instance, deployed)


def bring_down(instance: Instance, screen: Screen) -> bool:
    """Stop the cloud and forget the instance; False where there was nothing to stop."""
    with instance.locked(lambda: screen.say(f"Waiting: another command works on {instance.name}")):
        stopped = cloud.stop(instance)
        instance.forget()
    return stopped


def _parameters(running: Cloud) -> dict[str, str]:
    origins = f"http://localhost:{running.port},http://{cloud.HOST}:{running.port}"
    return {"LambdaRuntime": sam.runtime(), "AllowedOrigins": origins}


def _start(instance: Instance, screen: Screen, port: int | None) -> tuple[Cloud, bool]:
    """The running cloud and whether it is new (then it may not answer yet)."""
    running = cloud.running(instance)
    if running is not None:
        cloud.wait(instance, running)
        screen.done("Local cloud", f"runs already on {running.endpoint_url}")
        if port not in (None, running.port):
            raise DevkitError(
                f"The instance {instance.name} runs on port {running.port} already.",
                f"Stop it first: servery down --instance {instance.name}",
            )
        return running, False
    usual = cloud.USUAL_PORT if instance.name == "demo" else None
    chosen = cloud.choose_port(port, usual=usual)
    if usual is not None and port is None and chosen != usual:
        screen.say(f"Port {usual} is taken by another program; using {chosen}.", style="yellow")
    return cloud.start(instance, chosen), True


def _deploy(instance: Instance, target: Target, parameters: dict[str, str], held: int) -> None:
    stack.make_deployable(target)
    target.client("s3").create_bucket(Bucket=_UPLOADS)
    tags = {"created-by": "servery"}
    sam.deploy(instance, target, parameters, bucket=_UPLOADS, tags=tags, held=held)
