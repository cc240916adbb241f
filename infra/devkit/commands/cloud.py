"""`servery up`, `down`, `status`, `demo`, `logs`, `deploy`: the cloud and the stack in it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from devkit import (
    aws,
    choice,
    demo,
    demo_lifecycle,
    demo_stage,
    deployments,
    instances,
    logs,
    status,
    up,
    views,
)
from devkit.api import api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Cloud, Debug, Endpoint, Instance, Json, Named, Port, StackName
from devkit.errors import UsageError
from devkit.screen import Screen
from devkit.target import Target

app = typer.Typer()


@app.command("up")
def up_command(
    *,
    instance: Named = None,
    cloud: Cloud = None,
    endpoint: Endpoint = None,
    stack_name: StackName = None,
    port: Port = None,
    force: Annotated[bool, typer.Option("--force", help="Deploy even if nothing changed.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start the local cloud and deploy; model servers follow onto new code."""
    with command(machine=as_json, debug=debug) as screen:
        wish = choice.Wish(cloud, endpoint, stack_name)
        deployed, _ = _up(instance, wish, screen, port, force=force)
        _say_where(screen, deployed)
        screen.result(status.summary(deployed))


@app.command()
def down(instance: Instance = "demo", as_json: Json = False, debug: Debug = False) -> None:
    """Stop the local cloud and forget everything in it; at an --endpoint, delete the stack."""
    with command(machine=as_json, debug=debug) as screen:
        found = instances.find(instance)
        where = choice.remembered(found)
        if instance == instances.AWS or (where and where.cloud == instances.AWS):
            raise UsageError(
                "`down` stops local clouds only.",
                "A stack on AWS is deleted with: aws cloudformation delete-stack",
            )
        stopped = up.bring_down(found, screen)
        done = "Stack deleted" if where and where.endpoint else "Stopped"
        screen.done(done if stopped else "Nothing to stop", f"instance {instance}")
        screen.result({"instance": instance, "stopped": stopped})


@app.command("status")
def status_command(
    instance: Instance = "demo",
    shell: Annotated[bool, typer.Option(help="API, WEB and KEY, for a shell to eval.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what runs, where it answers, and which models serve."""
    with command(machine=as_json or shell, debug=debug) as screen:
        deployed = options.deployed(instance)
        if shell:
            status.exports(deployed)
            return
        with api(deployed) as http:
            content = status.summary(deployed) | {"models": views.models(http)}
        status.show(screen, content)
        screen.result(content)


@app.command("demo")
def demo_command(
    *,
    instance: Named = None,
    cloud: Cloud = None,
    endpoint: Endpoint = None,
    stack_name: StackName = None,
    port: Port = None,
    stage: Annotated[
        bool, typer.Option("--stage", help="Two stages: a light answer now, a heavy one later.")
    ] = False,
    lifecycle: Annotated[
        bool, typer.Option("--lifecycle", help="The life of a model under constant requests.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train, release and ask two models, from nothing; then a job and a batch."""
    with command(machine=as_json, debug=debug) as screen:
        if stage and lifecycle:
            raise UsageError("--stage and --lifecycle are two demonstrations.", "Name one of them.")
        started = time.monotonic()
        wish = choice.Wish(cloud, endpoint, stack_name)
        deployed, name = _up(instance, wish, screen, port, force=False)
        if lifecycle:
            lived = demo_lifecycle.run(deployed, screen, instances.find(name).folder)
            took = time.monotonic() - started
            demo_lifecycle.summary(screen, lived, seconds=took, instance=name)
            screen.result(status.summary(deployed) | demo_lifecycle.as_values(lived))
            return
        if stage:
            shown = demo_stage.run(deployed, screen)
            took = time.monotonic() - started
            demo_stage.summary(screen, shown, seconds=took, instance=name)
            screen.result(status.summary(deployed) | demo_stage.as_values(screen, shown))
            return
        made, later = demo.run(deployed, screen)
        took = time.monotonic() - started
        demo.summary(screen, deployed, made, later, seconds=took, instance=name)
        screen.result(status.summary(deployed) | demo.as_values(screen, made, later))


@app.command("logs")
def logs_command(
    function: Annotated[str | None, typer.Argument(help="Name of a function or a part.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option(help="30s, 10m, 2h or 1d.")] = "10m",
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what the functions log."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = options.deployed(instance)
        chosen = logs.choose(deployed.functions, function)
        lines = logs.read(deployed, chosen, since=logs.seconds(since), follow=follow)
        logs.show(screen, lines)


@app.command()
def deploy(
    *,
    region: Annotated[str | None, typer.Option(help="Where to; else as AWS is set up.")] = None,
    stack_name: Annotated[str, typer.Option("--stack", help="Name of the stack.")] = "servery",
    profile: Annotated[str | None, typer.Option(help="Named AWS credentials.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE of the template.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look what is missing.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Deploy to AWS: the same `sam build` and `sam deploy`."""
    with command(machine=as_json, debug=debug) as screen:
        target = Target(region or aws.default_region(profile), None, stack_name, profile)
        parameters = aws.read_parameters(parameter or [])
        if check:
            aws.require(screen, target)
            screen.result({"ready": True})
            return
        instance = instances.find(instances.AWS)
        deployed = _to_aws(instance, screen, target, parameters)
        deployed = up.roll_if_pending(instance, deployed, screen)
        screen.say(f"Page     {deployed.page}")
        screen.say(f"API      {deployed.api_url}")
        screen.say("Next     servery train iris --instance aws")
        screen.result(status.summary(deployed))


def _up(
    name: str | None, wish: choice.Wish, screen: Screen, port: int | None, *, force: bool
) -> tuple[deployments.Deployed, str]:
    """What is deployed in the end, and the name of the instance."""
    instance = instances.find(name or wish.default_instance())
    where = choice.decide(instance, wish)
    if port is not None and not where.started_here:
        raise UsageError("--port is for a local cloud that is started here.")
    if where.cloud == instances.AWS:
        deployed = _to_aws(instance, screen, Target(aws.default_region(None), None, where.stack))
    else:
        deployed = up.bring_up(instance, where, screen, port=port, force=force)
    return up.roll_if_pending(instance, deployed, screen), instance.name


def _to_aws(
    instance: instances.Instance,
    screen: Screen,
    target: Target,
    parameters: dict[str, str] | None = None,
) -> deployments.Deployed:
    aws.require(screen, target)
    return aws.deploy(instance, screen, target, parameters or {})


def _say_where(screen: Screen, deployed: deployments.Deployed) -> None:
    screen.say(f"Page     {deployed.page}")
    screen.say(f"API      {deployed.api_url}")
    screen.say(f"API key  {deployed.api_key}")
