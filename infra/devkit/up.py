"""`servery up`: from nothing, or from whatever an interruption left, to a deployed stack."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devkit import choice, cloud, kinds, releases, sam, sources, stack, views
from devkit.api import api
from devkit.errors import DevkitError
from devkit.instances import ROOT, write_record
from devkit.target import LOCAL_REGION, Target

if TYPE_CHECKING:
    from devkit.choice import Choice
    from devkit.cloud import Cloud
    from devkit.instances import Instance
    from devkit.kinds import Kind
    from devkit.screen import Screen
    from devkit.stack import Deployed

_UPLOADS = "servery-deploy"
_DELETE_SECONDS = 120.0


@dataclass(frozen=True)
class Ground:
    """The local cloud that a deploy goes to.

    Attributes:
        target: How it is reached.
        kind: What it runs.
        identity: Of its process, or of the stack on it where the process is somebody else's:
            what was deployed under another identity is gone.
        started: The process, if it was started just now and may not answer yet.
    """

    target: Target
    kind: Kind
    identity: str
    started: Cloud | None = None


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
        known = stack.recorded(instance)
        ground = _given(where, screen) if where.endpoint else _own(instance, where, screen, port)
        choice.remember(instance, where)
        parameters = _parameters(ground)
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
        _wait(instance, ground, screen)
        with screen.phase("sam deploy") as phase:
            try:
                _deploy(instance, ground, parameters, held)
            except DevkitError as error:
                if known is None or not (where.started_here and _stuck(ground)):
                    raise
                ground, known = _afresh(instance, ground, error, screen), None
                _deploy(instance, ground, parameters, held)
            facts = stack.facts(ground.target, ground.kind)
            phase.detail = f"stack {facts.stack}, {len(facts.functions)} functions"
        deployed = dataclasses.replace(
            facts,
            digest=digest,
            cloud=ground.identity if where.started_here else _stack_id(ground.target),
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
        where, known = choice.remembered(instance), stack.recorded(instance)
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


def _parameters(ground: Ground) -> dict[str, str]:
    where = urlsplit(str(ground.target.endpoint_url))
    port = f":{where.port}" if where.port else ""
    hosts = dict.fromkeys(["localhost", kinds.HOST, str(where.hostname)])
    origins = ",".join(f"{where.scheme}://{host}{port}" for host in hosts)
    parameters = {
        "LambdaRuntime": sam.runtime(),
        "AllowedOrigins": origins,
        # Who waits for a callback beside a local cloud listens on this machine.
        "CallbackAllowedNetworks": f"{kinds.HOST}/32",
    }
    if not ground.kind.own_packages:
        parameters["Architecture"] = kinds.architecture()
    return parameters


def _own(instance: Instance, where: Choice, screen: Screen, port: int | None) -> Ground:
    """The instance's own cloud, started if it does not run."""
    running, fresh = _start(instance, kinds.kind(where.cloud), screen, port)
    target = Target(LOCAL_REGION, running.endpoint_url, where.stack)
    return Ground(target, running.kind, running.identity, running if fresh else None)


def _given(where: Choice, screen: Screen) -> Ground:
    """A LocalStack that somebody else runs, with at most our own stack under that name.

    Raises:
        DevkitError: it does not answer, or the stack is somebody else's.
    """
    kind = kinds.kind(where.cloud)
    if not cloud.healthy(str(where.endpoint), kind, seconds=10.0):
        raise DevkitError(
            f"No LocalStack answers at {where.endpoint}.",
            "With --endpoint nothing is started: start it, or leave --endpoint out.",
        )
    target = Target(LOCAL_REGION, where.endpoint, where.stack)
    described = stack.describe(target)
    if described is not None and not stack.ours(described):
        raise DevkitError(
            f"There is a stack {where.stack} that Servery did not create; it stays untouched.",
            "Choose another name with --stack.",
        )
    screen.done("LocalStack", f"runs already at {where.endpoint}, and is left running")
    return Ground(target, kind, _stack_id(target))


def _stack_id(target: Target) -> str:
    described = stack.describe(target)
    return str(described["StackId"]) if described else ""


def _start(instance: Instance, kind: Kind, screen: Screen, port: int | None) -> tuple[Cloud, bool]:
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
    kind.make_ready(screen)
    usual = cloud.USUAL_PORT if instance.name == choice.DEFAULT else None
    chosen = cloud.choose_port(port, usual=usual)
    if usual is not None and port is None and chosen != usual:
        screen.say(f"Port {usual} is taken by another program; using {chosen}.", style="yellow")
    return cloud.start(instance, kind, chosen), True


def _wait(instance: Instance, ground: Ground, screen: Screen) -> None:
    if ground.started is None:
        return
    with screen.phase("Local cloud") as phase:
        cloud.wait(instance, ground.started)
        phase.detail = f"{ground.started.endpoint_url}, {ground.kind.title}"


def _stuck(ground: Ground) -> bool:
    """Whether a failed update left a stack behind that only a new cloud is rid of."""
    state = stack.status(ground.target) or ""
    settled = state in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    return ground.kind.updates_get_stuck and not settled


def _afresh(instance: Instance, ground: Ground, error: DevkitError, screen: Screen) -> Ground:
    """Another run of the same cloud on the same port, with nothing in it."""
    for line in error.details:
        screen.say(f"  {line}", style="dim")
    screen.say(
        f"{error.message} {ground.kind.name} cannot go on with this stack: it is started again, "
        "empty, and deployed afresh. Models and predictions of before are gone.",
        style="yellow",
    )
    port = urlsplit(str(ground.target.endpoint_url)).port or cloud.USUAL_PORT
    cloud.stop(instance)
    running = cloud.start(instance, ground.kind, cloud.choose_port(port, usual=None))
    cloud.wait(instance, running)
    return dataclasses.replace(ground, identity=running.identity, started=running)


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
