"""The local cloud that a deploy goes to: our own, started if it does not run, or one given."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devkit import choice, cloud, kinds, sam, stack
from devkit.errors import DevkitError
from devkit.target import LOCAL_REGION, Target

if TYPE_CHECKING:
    from devkit.choice import Choice
    from devkit.cloud import Cloud
    from devkit.instances import Instance
    from devkit.kinds import Kind
    from devkit.screen import Screen


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


def chosen(instance: Instance, where: Choice, screen: Screen, port: int | None) -> Ground:
    """What was chosen: a cloud of somebody else's, or the instance's own.

    Raises:
        DevkitError: it does not answer, or is not to be used.
    """
    return given(where, screen) if where.endpoint else own(instance, where, screen, port)


def parameters(ground: Ground) -> dict[str, str]:
    """Parameters of the template, as this cloud needs them."""
    where = urlsplit(str(ground.target.endpoint_url))
    port = f":{where.port}" if where.port else ""
    hosts = dict.fromkeys(["localhost", kinds.HOST, str(where.hostname)])
    origins = ",".join(f"{where.scheme}://{host}{port}" for host in hosts)
    parameters = {
        "LambdaRuntime": sam.runtime(),
        "AllowedOrigins": origins,
        # Who waits for a callback beside a local cloud listens on this machine.
        "CallbackAllowedNetworks": f"{kinds.HOST}/32",
        "TablePatience": "10",  # its table is not DynamoDB
        "Sql": "false",  # DuckDB answers on this machine
        "LakeDelay": "0",  # its Firehose writes at once
    }
    if not ground.kind.own_packages:
        parameters["Architecture"] = kinds.architecture()
    return parameters


def own(instance: Instance, where: Choice, screen: Screen, port: int | None) -> Ground:
    """The instance's own cloud, started if it does not run."""
    running, fresh = _start(instance, kinds.kind(where.cloud), screen, port)
    target = Target(LOCAL_REGION, running.endpoint_url, where.stack)
    return Ground(target, running.kind, running.identity, running if fresh else None)


def given(where: Choice, screen: Screen) -> Ground:
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
    return Ground(target, kind, stack_id(target))


def stack_id(target: Target) -> str:
    """Id of the stack; empty where there is none."""
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


def wait(instance: Instance, ground: Ground, screen: Screen) -> None:
    """Wait until a cloud that was started just now answers."""
    if ground.started is None:
        return
    with screen.phase("Local cloud") as phase:
        cloud.wait(instance, ground.started)
        phase.detail = f"{ground.started.endpoint_url}, {ground.kind.title}"


def stuck(ground: Ground) -> bool:
    """Whether a failed update left a stack behind that only a new cloud is rid of."""
    state = stack.status(ground.target) or ""
    settled = state in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    return ground.kind.updates_get_stuck and not settled


def afresh(instance: Instance, ground: Ground, error: DevkitError, screen: Screen) -> Ground:
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
