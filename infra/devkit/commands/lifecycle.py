"""`servery train`, `rollback`, `roll`: a model from its data to its server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from devkit import (
    deployments,
    instances,
    outcomes,
    pipelines,
    releases,
    specs,
    training,
    up,
    views,
)
from devkit.api import api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model
from devkit.errors import UsageError

app = typer.Typer()


@app.command()
def train(
    spec: Annotated[
        str | None, typer.Argument(help="A YAML file, an example, or a registered model.")
    ] = None,
    *,
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="Step by step: what did not change is skipped.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Go on with this training, in place of SPEC; a pipeline."),
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="This step alone, on what earlier runs left; a pipeline.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to this step; a pipeline.")] = None,
    experiment: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Keep it under this free name, in place of a version."),
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model: registered, refused by its gates (status 1), or failed (status 1).

    With --step, or with --until a step before the last one, it is done when the step is.
    """
    with command(machine=as_json, debug=debug) as screen:
        part = pipelines.part(step=step, until=until)
        named = training.named(experiment)
        if (spec is None) == (resume is None):
            raise UsageError("What is to be trained?", "servery train SPEC, or train --resume ID.")
        deployed = options.deployed(instance)
        with screen.phase("Upload and start") as phase:
            if resume is not None:
                event = {**pipelines.resumed(deployed, resume, part), **named}
                started = pipelines.start(deployed, event)
            elif pipeline or part:
                event = {"origin": "cli", "spec": _spec(str(spec), deployed)}
                started = pipelines.start(deployed, {**event, **part, **named})
            else:
                started = training.start(deployed, _spec(str(spec), deployed), **named)
            phase.detail = started.training_id
        output = training.shown(deployed, started, screen, about=pipelines.skipped)
        screen.say(f"{output['model']} was {outcomes.sentence(output)}")
        if following := outcomes.next_step(output, resumed=resume is not None):
            screen.say(following)
        screen.result(output)
        if output["outcome"] not in ("registered", "done"):
            raise typer.Exit(1)


def _spec(name: str, deployed: deployments.Deployed) -> dict[str, Any]:
    path = specs.find(name, Path(name))
    if path is None:
        with api(deployed) as http:
            return specs.registered(http, name)
    bucket = deployed.outputs["ArtifactsBucketName"]
    put = training.uploader(deployed)
    return specs.upload_data(specs.load(path), path.parent, bucket, put)


@app.command()
def rollback(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Put the version that answered before back."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http, screen.phase(f"Roll back {model}") as phase:
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
        deployed = deployments.current(found)
        with api(deployed) as http:
            chosen = [model] if model else views.released(views.models(http))
            records = releases.roll_all(http, chosen, screen)
        if model is None:
            up.rolled(found, deployed)
        screen.result(records)
