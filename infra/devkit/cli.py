"""The command `servery`: names, options and help; what the commands do is in their modules."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from devkit import (
    aws,
    choice,
    demo,
    instances,
    logs,
    predictions,
    releases,
    specs,
    stack,
    status,
    training,
    up,
    views,
)
from devkit.api import Api, api
from devkit.command import command
from devkit.errors import UsageError
from devkit.screen import Screen
from devkit.target import Target

app = typer.Typer(
    name="servery",
    help="Train, release and serve models on Lambda; on this machine or on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Instance = Annotated[
    str,
    typer.Option(
        "--instance",
        "-i",
        envvar="SERVERY_INSTANCE",
        help="Which cloud with its stack; `aws` is what `servery deploy` deployed.",
    ),
]
Named = Annotated[
    str | None,
    typer.Option(
        "--instance",
        "-i",
        envvar="SERVERY_INSTANCE",
        help="Name of the cloud with its stack; `demo`, or what --cloud says.",
    ),
]
Cloud = Annotated[
    str | None,
    typer.Option(
        "--cloud",
        help="ministack, localstack or aws; remembered, and ministack to begin with.",
        show_default=False,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", help="Deploy to the LocalStack there, which runs already."),
]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="Name of the stack, on AWS or with --endpoint."),
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Model = Annotated[str, typer.Argument(help="Name of the model.")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the local cloud.")]


def _up(
    name: str | None, wish: choice.Wish, screen: Screen, port: int | None, *, force: bool
) -> tuple[stack.Deployed, str]:
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
) -> stack.Deployed:
    aws.require(screen, target)
    return aws.deploy(instance, screen, target, parameters or {})


def _say_where(screen: Screen, deployed: stack.Deployed) -> None:
    screen.say(f"Page     {deployed.page}")
    screen.say(f"API      {deployed.api_url}")
    screen.say(f"API key  {deployed.api_key}")


def _deployed(name: str) -> stack.Deployed:
    return stack.current(instances.find(name))


def _api(name: str) -> AbstractContextManager[Api]:
    return api(_deployed(name))


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
        deployed = _deployed(instance)
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
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train, release and ask a classification and a regression model, from nothing."""
    with command(machine=as_json, debug=debug) as screen:
        started = time.monotonic()
        wish = choice.Wish(cloud, endpoint, stack_name)
        deployed, name = _up(instance, wish, screen, port, force=False)
        made = demo.run(deployed, screen)
        demo.summary(screen, deployed, made, time.monotonic() - started, name)
        screen.result(status.summary(deployed) | demo.as_values(screen, made))


@app.command()
def train(
    spec: Annotated[str, typer.Argument(help="A YAML file, an example, or a registered model.")],
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model: registered, refused by its gates (status 1), or failed (status 1)."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = _deployed(instance)
        with screen.phase("Upload and start") as phase:
            started = training.start(deployed, _spec(spec, deployed))
            phase.detail = started.training_id
        output = training.shown(deployed, started, screen)
        screen.say(f"{output['model']} was {training.outcome_line(output)}")
        if output["outcome"] == "registered":
            screen.say(f"Release it: servery release {output['model']} {output['version']}")
        screen.result(output)
        if output["outcome"] != "registered":
            raise typer.Exit(1)


def _spec(name: str, deployed: stack.Deployed) -> dict[str, Any]:
    path = specs.find(name, Path(name))
    if path is None:
        with api(deployed) as http:
            return specs.registered(http, name)
    bucket = deployed.outputs["ArtifactsBucketName"]
    put = training.uploader(deployed)
    return specs.upload_data(specs.load(path), path.parent, bucket, put)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="One model in detail.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the models; with a name: versions, trainings and deployment of one."""
    with command(machine=as_json, debug=debug) as screen, _api(instance) as http:
        if name is None:
            listed = views.models(http)
            screen.show(views.models_table(listed))
            screen.result(listed)
        else:
            detail = views.model(http, name)
            views.show_model(screen, detail)
            screen.result(detail)


@app.command()
def release(
    model: Model,
    version: Annotated[str | None, typer.Argument(help="The newest when left out.")] = None,
    *,
    trained: Annotated[
        str | None, typer.Option("--training", help="Which training of it, such as tr0.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="image or load; else as the spec says.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a registered version answer; nothing changes for callers unless it proves ready."""
    with command(machine=as_json, debug=debug) as screen:
        if mode not in (None, "image", "load"):
            raise UsageError(f"There is no mode {mode!r}.", "Say image or load.")
        with _api(instance) as http, screen.phase(f"Release {model}") as phase:
            record = releases.release(
                http,
                model,
                version=version,
                training=trained,
                mode=mode,
                step=lambda step: releases.say(screen, step),
            )
            phase.detail = f"as {record.get('released_as', '')}"
        screen.result(record)


@app.command()
def rollback(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Put the version that answered before back."""
    with command(machine=as_json, debug=debug) as screen:
        with _api(instance) as http, screen.phase(f"Roll back {model}") as phase:
            deployment = http.post(f"/models/{model}/rollback", {})
            phase.detail = f"to {deployment['champion']['ref']['version']}"
        screen.result(deployment)


@app.command()
def roll(
    model: Annotated[str | None, typer.Argument(help="All released models if left out.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Move serving model servers onto the deployed code."""
    with command(machine=as_json, debug=debug) as screen:
        found = instances.find(instance)
        deployed = stack.current(found)
        with api(deployed) as http:
            chosen = [model] if model else views.released(views.models(http))
            records = releases.roll_all(http, chosen, screen)
        if model is None:
            up.rolled(found, deployed)
        screen.result(records)


@app.command()
def predict(
    model: Model,
    *,
    record: Annotated[
        list[str] | None, typer.Option(help="A row as JSON; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: .json, .jsonl or .csv")] = None,
    example: Annotated[bool, typer.Option("--example", help="A typical row.")] = False,
    version: Annotated[str | None, typer.Option(help="This version, not the champion.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a model."""
    with command(machine=as_json, debug=debug) as screen:
        with _api(instance) as http:
            asked = predictions.gather(
                http, model, screen, records=record, file=file, example=example
            )
            answer = predictions.ask(http, model, asked, version=version)
        predictions.show(screen, answer)
        screen.result(answer)


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
        deployed = _deployed(instance)
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


def main() -> None:
    """Entry point of the command `servery`."""
    app()
