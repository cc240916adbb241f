"""`servery evaluations`, `retire`, `retrainings`: what versions are worth, and which go."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from devkit import keeping
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model
from devkit.errors import UsageError

app = typer.Typer()


@app.command()
def evaluations(
    model: Model,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Evaluate now, in place of showing the last time.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what each served version is worth by the labels that came."""
    with command(machine=as_json, debug=debug) as screen:
        if now:
            deployed = options.deployed(instance)
            with screen.phase(f"Evaluate {model}"):
                found = keeping.evaluate_now(deployed, model)
        else:
            with options.api_of(instance) as http:
                found = http.get(f"/models/{_q(model)}/evaluations")["evaluations"]
        if not found:
            screen.say(
                f"No version of {model} was evaluated yet: servery evaluations {model} --now"
            )
        else:
            screen.show(keeping.evaluations_table(found))
        screen.result(found)


@app.command()
def retire(
    model: Model,
    version: Annotated[
        str | None, typer.Argument(help="Of a candidate; with --artifact of any version.")
    ] = None,
    *,
    artifact: Annotated[
        bool,
        typer.Option("--artifact", help="Also its server and then its artifact, after the grace."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what goes by the spec's `retire`, and why.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take a candidate out, or retire a version for good; refused while anybody names it."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        if dry_run:
            plan = http.get(f"/models/{_q(model)}/retirements")
            screen.show(keeping.plan_table(plan))
            screen.result(plan)
            return
        if version is None:
            raise UsageError(
                "Which version is to go?", "servery retire MODEL VERSION, or MODEL --dry-run."
            )
        with screen.phase(f"Retire {version}") as phase:
            kind = "versions" if artifact else "candidates"
            _, answer = http.send("DELETE", f"/models/{_q(model)}/{kind}/{_q(version)}")
            if artifact:
                phase.detail = f"{answer['stage']}; steps follow by schedule"
            else:
                phase.detail = f"revision {answer['revision']}"
        screen.result(answer)


@app.command()
def retrainings(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show what became of alarms that may start a training."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = http.get(f"/models/{_q(model)}/retrainings")["retrainings"]
        screen.show(keeping.retrainings_table(found))
        screen.result(found)


def _q(part: str) -> str:
    return quote(part, safe="")
