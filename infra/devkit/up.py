"""`servery up`: from nothing, or from whatever an interruption left, to a deployed stack."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from devkit import choice, cloud, deployments, grounds, releases, sam, sources, stack, views
from devkit.api import api
from devkit.errors import DevkitError
from devkit.instances import ROOT, write_record

if TYPE_CHECKING:
    from devkit.choice import Choice
    from devkit.deployments import Deployed
    from devkit.grounds import Ground
    from devkit.instances import Instance
    from devkit.screen import Screen
    from devkit.target import Target

_UPLOADS = "servery-deploy"
_DELETE_SECONDS = 120.0


def bring_up(
    instance: Instance,
    where: Choice,
    screen: Screen,
    *,
    port: int | None = None,
    force: bool = False,
) -> Deployed:
    """Start the cloud if it is ours and does not run, and deploy unless nothing changed.

    Model servers are not rolled here; `Deployed.roll_pending` says whether they should be.

    Raises:
        DevkitError: a step failed; the same call again goes on from there.
    """
    with instance.locked(
        lambda: screen.say(f"Waiting: another command works on {instance.name}")
    ) as held:
        known = deployments.recorded(instance)
        ground = grounds.chosen(instance, where, screen, port)
        choice.remember(instance, where)
        parameters = grounds.parameters(ground)
        digest = sources.digest(ROOT, parameters)
        if known is not None and known.cloud != ground.identity:
            known = None
        if known is not None and known.digest == digest and not force:
            screen.done("Deploy", "nothing changed since the last one")
            return known
        with screen.phase("sam build") as phase:
            packages = ground.kind.own_packages
            sam.build(instance, ground.target, parameters, held=held, own_packages=packages)
            phase.detail = "functions and layers"
        grounds.wait(instance, ground, screen)
        with screen.phase("sam deploy") as phase:
            try:
                _deploy(instance, ground, parameters, held)
            except DevkitError as error:
                if known is None or not (where.started_here and grounds.stuck(ground)):
                    raise
                ground, known = grounds.afresh(instance, ground, error, screen), None
                _deploy(instance, ground, parameters, held)
            facts = stack.facts(ground.target, ground.kind)
            phase.detail = f"stack {facts.stack}, {len(facts.functions)} functions"
        deployed = dataclasses.replace(
            facts,
            digest=digest,
            cloud=ground.identity if where.started_here else grounds.stack_id(ground.target),
            roll_pending=known is not None,
        )
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
    """Stop the cloud and forget the instance; False where there was nothing to stop.

    At an endpoint nothing is stopped: the stack that was deployed there is deleted.
    """
    with instance.locked(lambda: screen.say(f"Waiting: another command works on {instance.name}")):
        where, known = choice.remembered(instance), deployments.recorded(instance)
        if where is not None and where.endpoint is not None:
            stopped = known is not None and _delete(known.target, known.cloud)
        else:
            stopped = cloud.stop(instance)
        instance.forget()
    return stopped


def _delete(target: Target, stack_id: str) -> bool:
    """Delete the very stack that was deployed from here, and wait until it is gone."""
    described = stack.describe(target)
    if described is None or described["StackId"] != stack_id or not stack.ours(described):
        return False
    stack.delete(target, seconds=_DELETE_SECONDS)
    return True


def _deploy(instance: Instance, ground: Ground, parameters: dict[str, str], held: int) -> None:
    stack.make_deployable(ground.target)
    # Named rather than left to SAM, whose stack for it takes LocalStack fifteen seconds.
    ground.target.client("s3").create_bucket(Bucket=_UPLOADS)
    sam.deploy(
        instance,
        ground.target,
        parameters,
        bucket=_UPLOADS,
        tags=dict([stack.TAG]),
        held=held,
        seconds=ground.kind.deploy_seconds,
    )
